#include "holdings.h"

#include <algorithm>

#include "stoppable.h"

namespace {

thread_local rein::holdings * current;

template <typename T> void erase(std::vector<T> & all, T one) noexcept {
    all.erase(std::remove(all.begin(), all.end(), one), all.end());
}

template <typename T> void append(std::vector<T> & all, T one) {
    erase(all, one);
    all.push_back(one);
}

// Frees from the newest on: what holds others is newer than they are, and frees them, which takes them off the list.
template <typename T> void free_all(std::vector<T> & all, void (*free)(T)) noexcept {
    while (!all.empty()) {
        const T newest = all.back();
        all.pop_back();
        free(newest);
    }
}

// What `make` gives is noted. It is not interrupted: it holds several things at once, and so does the C code that calls it,
// which no exception may pass.
template <typename Make> auto noted(Make make) {
    const rein::undisturbed whole;
    const auto made = make();
    if (current != nullptr && made != nullptr) {
        current->add(made);
    }
    return made;
}

} // namespace

namespace rein {

holdings::holdings() noexcept { current = this; }

holdings::~holdings() {
    // A backend may still be at work on a buffer.
    free_all(backends_, ggml_backend_free);
    free_all(buffers_, ggml_backend_buffer_free);
    current = nullptr;
}

void holdings::keep() noexcept {
    buffers_.clear();
    backends_.clear();
}

void holdings::add(ggml_backend_buffer_t buffer) { append(buffers_, buffer); }
void holdings::add(ggml_backend_t backend) { append(backends_, backend); }
void holdings::remove(ggml_backend_buffer_t buffer) noexcept { erase(buffers_, buffer); }
void holdings::remove(ggml_backend_t backend) noexcept { erase(backends_, backend); }

} // namespace rein

// build.rs has the linker send calls of these functions here (--wrap). GNU's leaves calls within the file that defines a
// function alone, LLVM's does not: a buffer may be noted twice, or together with those that it is made of.
extern "C" {

__attribute__((weak)) ggml_backend_buffer_t __real_ggml_backend_buft_alloc_buffer(ggml_backend_buffer_type_t, size_t);
__attribute__((weak)) ggml_backend_buffer_t __real_ggml_backend_alloc_ctx_tensors_from_buft(ggml_context *,
                                                                                         ggml_backend_buffer_type_t);
__attribute__((weak)) void __real_ggml_backend_buffer_free(ggml_backend_buffer_t);
__attribute__((weak)) ggml_backend_t __real_ggml_backend_dev_init(ggml_backend_dev_t, const char *);
__attribute__((weak)) void __real_ggml_backend_free(ggml_backend_t);
__attribute__((weak)) ggml_backend_sched_t __real_ggml_backend_sched_new(ggml_backend_t *, ggml_backend_buffer_type_t *,
                                                                       int, size_t, bool, bool);

ggml_backend_buffer_t __wrap_ggml_backend_buft_alloc_buffer(ggml_backend_buffer_type_t type, size_t size) {
    return noted([&] { return __real_ggml_backend_buft_alloc_buffer(type, size); });
}

ggml_backend_buffer_t __wrap_ggml_backend_alloc_ctx_tensors_from_buft(ggml_context * context,
                                                                    ggml_backend_buffer_type_t type) {
    return noted([&] { return __real_ggml_backend_alloc_ctx_tensors_from_buft(context, type); });
}

void __wrap_ggml_backend_buffer_free(ggml_backend_buffer_t buffer) {
    if (current != nullptr) {
        current->remove(buffer);
    }
    __real_ggml_backend_buffer_free(buffer);
}

ggml_backend_t __wrap_ggml_backend_dev_init(ggml_backend_dev_t device, const char * params) {
    return noted([&] { return __real_ggml_backend_dev_init(device, params); });
}

void __wrap_ggml_backend_free(ggml_backend_t backend) {
    if (current != nullptr) {
        current->remove(backend);
    }
    __real_ggml_backend_free(backend);
}

// Has an owner at once, but makes events of the device on its way.
ggml_backend_sched_t __wrap_ggml_backend_sched_new(ggml_backend_t * backends, ggml_backend_buffer_type_t * types, int count,
                                                   size_t graph_size, bool is_parallel, bool may_offload) {
    const rein::undisturbed whole;
    return __real_ggml_backend_sched_new(backends, types, count, graph_size, is_parallel, may_offload);
}

} // extern "C"
