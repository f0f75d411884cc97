// A GPU for tests, where there is none: a backend that ggml loads, as it loads the one for CUDA. It has memory of its own, a
// queue of work that the caller does not wait for, and events; but the arithmetic is ggml's CPU backend's. Nothing of ggml
// is linked: its symbols are those of the program that loads this. docs/testing.md, "A device without a GPU".
//
//   REIN_STAND_IN_GPUS      devices, 1 unless set
//   REIN_STAND_IN_MIB       memory of each, 2048 unless set
//   REIN_STAND_IN_THREADS   threads of the arithmetic, 1 unless set
//   REIN_STAND_IN_GRAPH_MS  what each graph takes more, in milliseconds

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "graph_copy.h"
#include "queue.h"

namespace {

using namespace stand_in;

constexpr size_t ALIGNMENT = 128;

gpu & of(ggml_backend_dev_t device) { return *static_cast<gpu *>(device->context); }
gpu & of(ggml_backend_buffer_type_t type) { return of(type->device); }

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
