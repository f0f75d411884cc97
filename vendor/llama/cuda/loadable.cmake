# Included after llama.cpp's project() when scripts/cuda-backend.sh builds ggml's CUDA backend as a library of
# its own: rein holds ggml's base already, linked statically. A second copy beside it would have a log, a
# registry and buffer types of its own, so the backend is compiled against ggml-base, but not linked to it: the
# executable that loads it gives it those symbols.

function(rein_bind_to_executable)
    get_target_property(libraries ggml-cuda LINK_LIBRARIES)
    list(REMOVE_ITEM libraries ggml-base)
    set_target_properties(ggml-cuda PROPERTIES LINK_LIBRARIES "${libraries}")
    target_include_directories(ggml-cuda PRIVATE $<TARGET_PROPERTY:ggml-base,INTERFACE_INCLUDE_DIRECTORIES>)
    target_compile_definitions(ggml-cuda PRIVATE $<TARGET_PROPERTY:ggml-base,INTERFACE_COMPILE_DEFINITIONS>)
endfunction()

# At the end of the configuration, when the target exists.
cmake_language(DEFER CALL rein_bind_to_executable)
