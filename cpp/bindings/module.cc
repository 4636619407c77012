#include <pybind11/pybind11.h>

#include "bindings/register.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The compiled core: softmax regression on stored embeddings.";
  coral_learn::register_build_info(module);
  coral_learn::register_embeddings(module);
  coral_learn::register_head(module);
  coral_learn::register_inference(module);
  coral_learn::register_training(module);
}
