// Ends llama.cpp's long work without a callback of its own (reading a vocabulary of a quarter of a million
// tokens, clearing gigabytes of KV cells) soon after somebody asks for it.
#pragma once

namespace rein {

// Asked often and from the thread that works; must be quick and must not throw.
using should_stop = bool (*)(void * data);

// While one lives, work of this thread is stoppable: where `ask` says true, the next allocation by C++ code
// throws a std::bad_alloc, which llama.cpp handles as running out of memory, and clearing a buffer of
// host memory returns early. Whatever the work makes must be thrown away then; what it has taken of devices is noted
// (holdings.h).
class stop_scope {
  public:
    stop_scope(should_stop ask, void * data) noexcept;
    ~stop_scope();
    stop_scope(const stop_scope &) = delete;
    stop_scope & operator=(const stop_scope &) = delete;
};

// While one lives nothing is stopped: for work that must be done whole.
class undisturbed {
  public:
    undisturbed() noexcept;
    ~undisturbed();
    undisturbed(const undisturbed &) = delete;
    undisturbed & operator=(const undisturbed &) = delete;

  private:
    should_stop ask_;
};

} // namespace rein
