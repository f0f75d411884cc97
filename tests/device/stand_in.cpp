// A GPU for tests, where there is none: a backend that ggml loads, as it loads the one for CUDA. It has memory of its own, a
// queue of work that the caller does not wait for, and events; but the arithmetic is ggml's CPU backend's. Nothing of ggml
// is linked: its symbols are those of the program that loads this. docs/testing.md, "A device without a GPU".
//
//   REIN_STAND_IN_GPUS      devices, 1 unless set
//   REIN_STAND_IN_MIB       memory of each, 2048 unless set
//   REIN_STAND_IN_THREADS   threads of the arithmetic, 1 unless set
//   REIN_STAND_IN_GRAPH_MS  what each graph takes more, in milliseconds

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "../../vendor/llama/ggml_backend_internals.h"

namespace {

size_t setting(const char * name, size_t otherwise) {
    const char * value = std::getenv(name);
    return value && *value ? std::strtoull(value, nullptr, 10) : otherwise;
}

constexpr size_t MIB = size_t{1} << 20;
constexpr size_t ALIGNMENT = 128;

// What a queue and a pinned buffer take of the device, so that a lost one shows in its free memory.
constexpr size_t QUEUE_BYTES = MIB;
constexpr size_t HANDLE_BYTES = 4096;

// More than a process ever has of a device.
constexpr size_t MAX_QUEUES = 1024;

class queue;

struct gpu {
    std::string name, description, id;
    size_t total = setting("REIN_STAND_IN_MIB", 2048) * MIB;
    std::atomic<size_t> used{0};
    std::mutex lock;
    std::vector<queue *> queues; // those that are alive
    ggml_backend_device device{};
    ggml_backend_buffer_type memory_type{};

    bool take(size_t size) {
        const size_t before = used.fetch_add(size);
        if (before + size <= total) {
            return true;
        }
        used -= size;
        return false;
    }

    void wait();
};

gpu & of(ggml_backend_dev_t device) { return *static_cast<gpu *>(device->context); }
gpu & of(ggml_backend_buffer_type_t type) { return of(type->device); }

// --- The queue: a thread does, in order, what is submitted. CUDA calls it a stream.

class queue {
  public:
    explicit queue(gpu & owner) : owner_(owner) {
        worker_ = std::thread([this] { work(); });
        const std::lock_guard<std::mutex> guard(owner.lock);
        owner.queues.push_back(this); // there is room: this does not throw
        owner.used += QUEUE_BYTES;
    }

    ~queue() {
        {
            const std::lock_guard<std::mutex> guard(owner_.lock);
            owner_.queues.erase(std::find(owner_.queues.begin(), owner_.queues.end(), this));
            owner_.used -= QUEUE_BYTES;
        }
        {
            const std::lock_guard<std::mutex> guard(lock_);
            is_ending_ = true;
            changed_.notify_all();
        }
        worker_.join();
        ggml_backend_free(cpu_);
    }

    void submit(std::function<void()> job) {
        const std::lock_guard<std::mutex> guard(lock_);
        jobs_.push_back(std::move(job));
        changed_.notify_all();
    }

    void wait() {
        std::unique_lock<std::mutex> guard(lock_);
        changed_.wait(guard, [this] { return jobs_.empty(); });
    }

    // To be called by a job. The backend that computes is made here and not by who makes the queue: its loads can be
    // stopped, and CUDA has nothing of this kind to lose then. Nobody tells it when to abort.
    void compute(ggml_cgraph * graph) {
        std::this_thread::sleep_for(std::chrono::milliseconds(setting("REIN_STAND_IN_GRAPH_MS", 0)));
        if (!cpu_) {
            ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
            cpu_ = ggml_backend_dev_init(device, nullptr);
            auto set_n_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
                ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
            set_n_threads(cpu_, static_cast<int>(setting("REIN_STAND_IN_THREADS", 1)));
        }
        if (ggml_backend_graph_compute(cpu_, graph) != GGML_STATUS_SUCCESS) {
            ggml_abort(__FILE__, __LINE__, "the stand-in cannot compute a graph");
        }
    }

  private:
    void work() {
        std::unique_lock<std::mutex> guard(lock_);
        for (;;) {
            changed_.wait(guard, [this] { return !jobs_.empty() || is_ending_; });
            if (jobs_.empty()) {
                return;
            }
            const std::function<void()> job = jobs_.front();
            guard.unlock();
            job();
            guard.lock();
            // Only now, so that an empty queue is one whose work is done.
            jobs_.pop_front();
            changed_.notify_all();
        }
    }

    gpu & owner_;
    ggml_backend_t cpu_ = nullptr;
    std::mutex lock_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;
    bool is_ending_ = false;
    std::thread worker_;
};

void gpu::wait() {
    const std::lock_guard<std::mutex> guard(lock);
    for (queue * each : queues) {
        each->wait();
    }
}

queue & of(ggml_backend_t backend) { return *static_cast<queue *>(backend->context); }

// --- Memory

struct memory {
    gpu & owner;
    void * base;
    size_t size;

    // Whatever computes may still read it: so does CUDA wait before it frees.
    ~memory() {
        owner.wait();
        std::free(base);
        owner.used -= size;
    }
};

memory & of(ggml_backend_buffer_t buffer) { return *static_cast<memory *>(buffer->context); }

void free_buffer(ggml_backend_buffer_t buffer) { delete &of(buffer); }
void * get_base(ggml_backend_buffer_t buffer) { return of(buffer).base; }

// What follows does not wait for the queues, as CUDA's does not: it has a stream of its own.
void memset_tensor(ggml_backend_buffer_t, ggml_tensor * tensor, uint8_t value, size_t offset, size_t size) {
    std::memset(static_cast<char *>(tensor->data) + offset, value, size);
}
void set_tensor(ggml_backend_buffer_t, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
    std::memcpy(static_cast<char *>(tensor->data) + offset, data, size);
}
void get_tensor(ggml_backend_buffer_t, const ggml_tensor * tensor, void * data, size_t offset, size_t size) {
    std::memcpy(data, static_cast<const char *>(tensor->data) + offset, size);
}
void clear(ggml_backend_buffer_t buffer, uint8_t value) { std::memset(of(buffer).base, value, of(buffer).size); }

bool is_ours(ggml_backend_buffer_t buffer) { return buffer->iface.free_buffer == free_buffer; }

bool copy_tensor(ggml_backend_buffer_t, const ggml_tensor * from, ggml_tensor * to) {
    if (!is_ours(from->buffer)) {
        return false;
    }
    std::memcpy(to->data, from->data, ggml_nbytes(from));
    return true;
}

constexpr ggml_backend_buffer_i MEMORY = {free_buffer, get_base, nullptr, memset_tensor, set_tensor, get_tensor,
                                          nullptr,     nullptr,  copy_tensor, clear,     nullptr};

const char * type_name(ggml_backend_buffer_type_t type) { return of(type).name.c_str(); }
size_t alignment(ggml_backend_buffer_type_t) { return ALIGNMENT; }

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, size_t size) {
    gpu & owner = of(type);
    void * base = nullptr;
    if (!owner.take(size)) {
        ggml_log_internal(GGML_LOG_LEVEL_ERROR, "allocating %.2f MiB on %s failed: out of memory\n",
                          static_cast<double>(size) / MIB, owner.name.c_str());
        return nullptr;
    }
    if (posix_memalign(&base, ALIGNMENT, size) != 0) {
        owner.used -= size;
        return nullptr;
    }
    // In CUDA's order: where one of these throws, the memory is lost.
    memory * held = new memory{owner, base, size};
    return ggml_backend_buffer_init(type, MEMORY, held, size);
}

// Memory of the host that the device reads quickly: ordinary memory, but the device is asked for it.
gpu & first_gpu();

void free_pinned(ggml_backend_buffer_t buffer) {
    std::free(buffer->context);
    first_gpu().used -= HANDLE_BYTES;
}

ggml_backend_buffer_t allocate_pinned(ggml_backend_buffer_type_t type, size_t size) {
    void * base = nullptr;
    if (posix_memalign(&base, ALIGNMENT, size) != 0) {
        return nullptr;
    }
    first_gpu().used += HANDLE_BYTES;
    ggml_backend_buffer_t buffer = ggml_backend_cpu_buffer_from_ptr(base, size);
    buffer->buft = type;
    buffer->iface.free_buffer = free_pinned;
    return buffer;
}

const char * pinned_name(ggml_backend_buffer_type_t) { return "Stand-in host"; }
bool is_host(ggml_backend_buffer_type_t) { return true; }

ggml_backend_buffer_type_t pinned_type(ggml_backend_dev_t) {
    static ggml_backend_buffer_type type = {
        {pinned_name, allocate_pinned, nullptr, alignment, nullptr, nullptr, nullptr, is_host},
        &first_gpu().device,
        nullptr,
    };
    return &type;
}

// --- Graphs

// A graph as it is now. Who submits one may change it at once: CUDA has read all of it by then.
class graph_copy {
  public:
    explicit graph_copy(ggml_cgraph * graph) {
        const int n_nodes = ggml_graph_n_nodes(graph);
        const size_t size = static_cast<size_t>(n_nodes) + 1;
        context_ = ggml_init({ggml_graph_overhead_custom(size, false) + MIB, nullptr, true});
        graph_ = ggml_new_graph_custom(context_, size, false);
        for (int i = 0; i < n_nodes; ++i) {
            copy(ggml_graph_node(graph, i));
        }
        for (int i = 0; i < n_nodes; ++i) {
            ggml_tensor * node = copies_.at(ggml_graph_node(graph, i));
            for (ggml_tensor *& source : node->src) {
                source = source_of(source);
            }
            node->view_src = source_of(node->view_src);
            ggml_graph_add_node(graph_, node);
        }
    }

    ~graph_copy() { ggml_free(context_); }

    graph_copy(const graph_copy &) = delete;
    graph_copy & operator=(const graph_copy &) = delete;

    ggml_cgraph * get() { return graph_; }

  private:
    // For the CPU backend, and for our kernels in it, this is memory like any other.
    static ggml_backend_buffer_t ordinary_memory() {
        alignas(64) static char some[64];
        static ggml_backend_buffer_t buffer = ggml_backend_cpu_buffer_from_ptr(some, sizeof some);
        return buffer;
    }

    ggml_tensor * copy(const ggml_tensor * tensor) {
        tensors_.push_back(*tensor);
        ggml_tensor * made = &tensors_.back();
        made->buffer = tensor->buffer ? ordinary_memory() : nullptr;
        copies_.emplace(tensor, made);
        return made;
    }

    // What a node reads; of a tensor that is no node nobody asks what it was computed from.
    ggml_tensor * source_of(const ggml_tensor * tensor) {
        if (!tensor) {
            return nullptr;
        }
        const auto found = copies_.find(tensor);
        if (found != copies_.end()) {
            return found->second;
        }
        ggml_tensor * made = copy(tensor);
        std::fill(std::begin(made->src), std::end(made->src), nullptr);
        made->view_src = nullptr;
        return made;
    }

    std::deque<ggml_tensor> tensors_;
    std::unordered_map<const ggml_tensor *, ggml_tensor *> copies_;
    ggml_context * context_;
    ggml_cgraph * graph_;
};

// --- The backend

const char * backend_name(ggml_backend_t backend) { return of(backend->device).name.c_str(); }

void free_backend(ggml_backend_t backend) {
    delete &of(backend);
    delete backend;
}

void set_tensor_async(ggml_backend_t backend, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
    char * to = static_cast<char *>(tensor->data) + offset;
    of(backend).submit([=] { std::memcpy(to, data, size); });
}

void get_tensor_async(ggml_backend_t backend, const ggml_tensor * tensor, void * data, size_t offset, size_t size) {
    const char * from = static_cast<const char *>(tensor->data) + offset;
    of(backend).submit([=] { std::memcpy(data, from, size); });
}

void synchronize(ggml_backend_t backend) { of(backend).wait(); }

ggml_status compute(ggml_backend_t backend, ggml_cgraph * graph) {
    queue & work = of(backend);
    auto copy = std::make_shared<graph_copy>(graph);
    work.submit([copy, &work] { work.compute(copy->get()); });
    return GGML_STATUS_SUCCESS;
}

// Counts how often it was recorded, and how many of these records the queues have come by.
struct event {
    std::mutex lock;
    std::condition_variable changed;
    size_t recorded = 0, reached = 0;

    void wait(size_t number) {
        std::unique_lock<std::mutex> guard(lock);
        changed.wait(guard, [&] { return reached >= number; });
    }

    size_t last() {
        const std::lock_guard<std::mutex> guard(lock);
        return recorded;
    }
};

using shared_event = std::shared_ptr<event>;

shared_event & of(ggml_backend_event_t handle) { return *static_cast<shared_event *>(handle->context); }

void record(queue & work, const shared_event & what) {
    const std::lock_guard<std::mutex> guard(what->lock);
    work.submit([what, number = ++what->recorded] {
        const std::lock_guard<std::mutex> guard(what->lock);
        what->reached = std::max(what->reached, number);
        what->changed.notify_all();
    });
}

void wait_for(queue & work, const shared_event & what) {
    work.submit([what, number = what->last()] { what->wait(number); });
}

void event_record(ggml_backend_t backend, ggml_backend_event_t handle) { record(of(backend), of(handle)); }
void event_wait(ggml_backend_t backend, ggml_backend_event_t handle) { wait_for(of(backend), of(handle)); }

// From the memory of one device to that of another: the source's queue copies, the other one waits for that.
bool copy_tensor_async(ggml_backend_t from, ggml_backend_t to, const ggml_tensor * source, ggml_tensor * target) {
    const auto buffer = [](const ggml_tensor * tensor) {
        return tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
    };
    if (from->iface.free != free_backend || to->iface.free != free_backend || !is_ours(buffer(source)) ||
        !is_ours(buffer(target))) {
        return false;
    }
    of(from).submit([data = source->data, out = target->data, size = ggml_nbytes(target)] {
        std::memcpy(out, data, size);
    });
    if (from != to) {
        const auto copied = std::make_shared<event>();
        record(of(from), copied);
        wait_for(of(to), copied);
    }
    return true;
}

ggml_backend_t init_backend(ggml_backend_dev_t device, const char *) {
    static ggml_guid guid = {'r', 'e', 'i', 'n', ' ', 's', 't', 'a', 'n', 'd', '-', 'i', 'n', 0, 0, 1};
    ggml_backend_i calls{};
    calls.get_name = backend_name;
    calls.free = free_backend;
    calls.set_tensor_async = set_tensor_async;
    calls.get_tensor_async = get_tensor_async;
    calls.cpy_tensor_async = copy_tensor_async;
    calls.synchronize = synchronize;
    calls.graph_compute = compute;
    calls.event_record = event_record;
    calls.event_wait = event_wait;
    // In CUDA's order: where the second throws, the first is lost.
    queue * work = new queue(of(device));
    return new ggml_backend{&guid, calls, device, work};
}

// --- The device

const char * device_name(ggml_backend_dev_t device) { return of(device).name.c_str(); }
const char * description(ggml_backend_dev_t device) { return of(device).description.c_str(); }
enum ggml_backend_dev_type device_type(ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_GPU; }

void device_memory(ggml_backend_dev_t device, size_t * free, size_t * total) {
    *total = of(device).total;
    *free = *total - std::min(*total, of(device).used.load());
}

void properties(ggml_backend_dev_t device, ggml_backend_dev_props * props) {
    props->name = device_name(device);
    props->description = description(device);
    props->type = device_type(device);
    props->device_id = of(device).id.c_str();
    device_memory(device, &props->memory_free, &props->memory_total);
    props->caps = {/* async */ true, /* host_buffer */ true, /* buffer_from_host_ptr */ false, /* events */ true,
                   /* mmap_support */ true};
}

ggml_backend_buffer_type_t memory_type(ggml_backend_dev_t device) { return &of(device).memory_type; }
bool supports_buffer(ggml_backend_dev_t device, ggml_backend_buffer_type_t type) { return type == memory_type(device); }
bool takes_over(ggml_backend_dev_t, const ggml_tensor *) { return false; }

bool supports(ggml_backend_dev_t device, const ggml_tensor * op) {
    for (const ggml_tensor * source : op->src) {
        // It cannot read another one's memory.
        if (source && source->buffer && is_ours(source->buffer) && !supports_buffer(device, source->buffer->buft)) {
            return false;
        }
    }
    return ggml_backend_dev_supports_op(ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU), op);
}

ggml_backend_event_t event_new(ggml_backend_dev_t device) {
    return new ggml_backend_event{device, new shared_event(std::make_shared<event>())};
}
void event_free(ggml_backend_dev_t, ggml_backend_event_t handle) {
    delete &of(handle);
    delete handle;
}
void event_synchronize(ggml_backend_dev_t, ggml_backend_event_t handle) { of(handle)->wait(of(handle)->last()); }

constexpr ggml_backend_device_i DEVICE = {
    device_name, description, device_memory, device_type,     properties, init_backend, memory_type,
    pinned_type, nullptr,     supports,      supports_buffer, takes_over, event_new,    event_free,
    event_synchronize,
};

// --- The registry

std::deque<gpu> & gpus() {
    static std::deque<gpu> all;
    return all;
}
gpu & first_gpu() { return gpus().front(); }

const char * registry_name(ggml_backend_reg_t) { return "CUDA"; }
size_t device_count(ggml_backend_reg_t) { return gpus().size(); }
ggml_backend_dev_t device_at(ggml_backend_reg_t, size_t index) { return &gpus().at(index).device; }
void * address(ggml_backend_reg_t, const char *) { return nullptr; }

ggml_backend_reg REGISTRY = {GGML_BACKEND_API_VERSION, {registry_name, device_count, device_at, address}, nullptr};

} // namespace

extern "C" __attribute__((visibility("default"))) ggml_backend_reg_t ggml_backend_init() {
    if (gpus().empty()) {
        const size_t count = setting("REIN_STAND_IN_GPUS", 1);
        for (size_t i = 0; i < count; ++i) {
            gpu & made = gpus().emplace_back();
            made.queues.reserve(MAX_QUEUES);
            made.name = "CUDA" + std::to_string(i);
            made.description = "Stand-in " + std::to_string(i);
            made.id = "stand-in:" + std::to_string(i);
            made.device = {DEVICE, &REGISTRY, &made};
            made.memory_type = {{type_name, allocate, nullptr, alignment, nullptr, nullptr, nullptr, nullptr},
                                &made.device,
                                nullptr};
        }
    }
    return &REGISTRY;
}
