// The devices of the stand-in, and their queues.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../../../vendor/llama/ggml_backend_internals.h"

namespace stand_in {

inline size_t setting(const char * name, size_t otherwise) {
    const char * value = std::getenv(name);
    return value && *value ? std::strtoull(value, nullptr, 10) : otherwise;
}

constexpr size_t MIB = size_t{1} << 20;

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

// A thread does, in order, what is submitted. CUDA calls it a stream.
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

inline void gpu::wait() {
    const std::lock_guard<std::mutex> guard(lock);
    for (queue * each : queues) {
        each->wait();
    }
}

} // namespace stand_in
