// What a load takes of the devices, so that none of it is lost where the load is stopped.
#pragma once

#include <vector>

#include "ggml-backend.h"

namespace rein {

// While one lives it notes which buffers and backends (streams of a device) this thread makes and frees. llama.cpp holds
// each by a bare pointer for a few allocations before it has an owner; where one of those throws (stoppable.h) nobody frees
// it. One at a time on a thread. Where the linker does not send ggml's functions here (build.rs) nothing is noted.
class holdings {
  public:
    holdings() noexcept;
    // Frees what is left, unless it is kept. Whatever was made with it must be gone by then.
    ~holdings();
    holdings(const holdings &) = delete;
    holdings & operator=(const holdings &) = delete;

    // What was made is somebody's now.
    void keep() noexcept;

    void add(ggml_backend_buffer_t buffer);
    void add(ggml_backend_t backend);
    void remove(ggml_backend_buffer_t buffer) noexcept;
    void remove(ggml_backend_t backend) noexcept;

  private:
    std::vector<ggml_backend_buffer_t> buffers_;
    std::vector<ggml_backend_t> backends_;
};

} // namespace rein
