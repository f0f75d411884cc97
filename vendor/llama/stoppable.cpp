#include "stoppable.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "ggml-backend.h"

namespace {

struct asked_to_stop : std::bad_alloc {
    const char * what() const noexcept override { return "stopped"; }
};

// Zero-initialised, so that reading them costs no more than reading a register.
thread_local rein::should_stop ask_stop;
thread_local void * ask_data;

bool is_stopped() noexcept { return ask_stop != nullptr && ask_stop(ask_data); }

// An exception that is on its way, or being handled, must not meet a second one.
bool may_throw() noexcept { return std::uncaught_exceptions() == 0 && !std::current_exception(); }

// Bytes cleared between two looks at the stop: about a millisecond's worth of fresh pages.
constexpr size_t CLEAR_BYTES = size_t{4} << 20;

} // namespace

namespace rein {

stop_scope::stop_scope(should_stop ask, void * data) noexcept {
    ask_stop = ask;
    ask_data = data;
}

stop_scope::~stop_scope() {
    ask_stop = nullptr;
    ask_data = nullptr;
}

undisturbed::undisturbed() noexcept : ask_(ask_stop) { ask_stop = nullptr; }

undisturbed::~undisturbed() { ask_stop = ask_; }

} // namespace rein

// The allocation function of the whole program, which the C++ standard lets a program replace; as the
// default one but for the question. Weak, so that a program with one of its own keeps that, and
// its loads stop between tensors only.
__attribute__((weak)) void * operator new(std::size_t size) {
    if (ask_stop != nullptr && is_stopped() && may_throw()) {
        throw asked_to_stop();
    }
    for (;;) {
        if (void * memory = std::malloc(size == 0 ? 1 : size)) {
            return memory;
        }
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) {
            throw std::bad_alloc();
        }
        handler();
    }
}

// build.rs has the linker send llama.cpp's calls of ggml_backend_buffer_clear here (--wrap). In a program that
// links rein as a library the call goes straight to ggml, and this is not used.
extern "C" {

__attribute__((weak)) void __real_ggml_backend_buffer_clear(ggml_backend_buffer_t buffer, uint8_t value);

void __wrap_ggml_backend_buffer_clear(ggml_backend_buffer_t buffer, uint8_t value) {
    if (ask_stop == nullptr || !ggml_backend_buffer_is_host(buffer)) {
        __real_ggml_backend_buffer_clear(buffer, value);
        return;
    }
    const size_t size = ggml_backend_buffer_get_size(buffer);
    char * base = size == 0 ? nullptr : static_cast<char *>(ggml_backend_buffer_get_base(buffer));
    for (size_t done = 0; done < size && !is_stopped(); done += CLEAR_BYTES) {
        std::memset(base + done, value, std::min(CLEAR_BYTES, size - done));
    }
}

} // extern "C"
