#pragma once

#include <pybind11/pybind11.h>

namespace coral_learn {

void register_build_info(pybind11::module_& module);
void register_embeddings(pybind11::module_& module);
void register_head(pybind11::module_& module);
void register_inference(pybind11::module_& module);
void register_training(pybind11::module_& module);

}  // namespace coral_learn
