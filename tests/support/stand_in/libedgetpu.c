/* A stand-in for libedgetpu: the same exported functions, without an Edge TPU.
 *
 * The TFLite runtime loads it in the same way as the real library. Its delegate claims the nodes
 * `edgetpu-custom-op`, and the kernel passes the input to a function that the test has registered
 * (see devices.py), in which the same model for the CPU does the arithmetic. If there is no such
 * function, as in the probe's process, the kernel writes zeros.
 *
 * Environment variables, read at every call, describe the devices:
 *   STAND_IN_DEVICES  "usb=/sys/bus/usb/devices/2-1 pci=/dev/apex_0", in the order of the list
 *   STAND_IN_BUSY     if set, no device can be opened
 *   STAND_IN_VERSION  the version that the library reports
 *
 * Macros of the variants:
 *   NO_ENTRY_POINTS     exports no delegate
 *   NO_VERBOSITY        exports no setting of the log
 *   OLD_ABI_WILD, OLD_ABI_ZEROS
 *                     passes the registration like a library of 2021: the runtime reads its last
 *                     fields from the caller's stack, which holds either an address that is not
 *                     mapped (the runtime crashes) or the address of zeros (it finds no operator)
 *
 * The structures are those of TFLite on 64-bit systems. They are declared here so that no header of
 * TFLite is needed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* Devices */

enum { kPci = 0, kUsb = 1, kMaxDevices = 16, kMaxPath = 256 };

typedef struct {
  int type;
  const char* path;
} Device;

/* One allocation holds the list and the paths, so that one free() releases both. */
typedef struct {
  Device devices[kMaxDevices];
  char paths[kMaxDevices][kMaxPath];
} DeviceList;

EXPORT Device* edgetpu_list_devices(size_t* count) {
  *count = 0;
  const char* text = getenv("STAND_IN_DEVICES");
  if (text == NULL || *text == '\0') return NULL;
  DeviceList* list = calloc(1, sizeof *list);
  char type[4];
  int length;
  while (*count < kMaxDevices &&
         sscanf(text, " %3[a-z]=%255s%n", type, list->paths[*count], &length) == 2) {
    list->devices[*count].type = strcmp(type, "usb") == 0 ? kUsb : kPci;
    list->devices[*count].path = list->paths[*count];
    ++*count;
    text += length;
  }
  return list->devices;
}

EXPORT void edgetpu_free_devices(Device* devices) { free(devices); }

EXPORT const char* edgetpu_version(void) {
  const char* version = getenv("STAND_IN_VERSION");
  return version != NULL ? version : "BuildLabel(stand-in), RuntimeVersion(14)";
}

#ifndef NO_VERBOSITY
static int verbosity_level;

EXPORT void edgetpu_verbosity(int verbosity) { verbosity_level = verbosity; }

EXPORT int stand_in_verbosity(void) { return verbosity_level; }
#endif

#ifndef NO_ENTRY_POINTS

/* Returns the position of the device that an option names, or -1: "", "usb" and "pci" name the
 * first device, and ":1", "usb:1" and "pci:1" count from 0. */
static int find_device(const char* option) {
  int wanted_type = -1;
  if (strncmp(option, "usb", 3) == 0) wanted_type = kUsb;
  if (strncmp(option, "pci", 3) == 0) wanted_type = kPci;
  if (wanted_type != -1) option += 3;
  int wanted_index = 0;
  if (*option != '\0' && sscanf(option, ":%d", &wanted_index) != 1) return -1;
  size_t count;
  Device* devices = edgetpu_list_devices(&count);
  int found = -1;
  for (size_t i = 0; i < count && found == -1; ++i) {
    if (wanted_type != -1 && devices[i].type != wanted_type) continue;
    if (wanted_index-- == 0) found = (int)i;
  }
  edgetpu_free_devices(devices);
  return found;
}

/* The functions that the test registers. `run` returns 0 if the device has failed. */

typedef struct {
  void (*opened)(int device, const char* options);
  void (*closed)(int device);
  int (*run)(int device, const void* input, size_t input_size, void* output, size_t output_size);
} Hooks;

static Hooks hooks;

EXPORT void stand_in_set_hooks(const Hooks* new_hooks) {
  static const Hooks none;
  hooks = new_hooks != NULL ? *new_hooks : none;
}

/* TFLite's structures */

typedef enum { kOk = 0, kError = 1 } Status;

typedef struct {
  int size;
  int data[];
} IntArray;

typedef struct {
  int type;
  void* data;
  IntArray* dims;
  float scale;
  int32_t zero_point;
  int allocation_type;
  size_t bytes;
  const void* unused[8];
} Tensor;

typedef struct {
  IntArray* inputs;
  IntArray* outputs;
  IntArray* intermediates;
  IntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
  void* delegate;
  bool might_have_side_effect;
} Node;

typedef struct Context Context;

typedef struct {
  void* (*init)(Context*, const char*, size_t);
  void (*free)(Context*, void*);
  Status (*prepare)(Context*, Node*);
  Status (*invoke)(Context*, Node*);
  const char* (*profiling_string)(const Context*, const Node*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* registration_external; /* from here on since 2022 */
  void* async_kernel;
  uint64_t inplace_operator;
} Registration;

typedef struct Delegate {
  void* data;
  Status (*prepare)(Context*, struct Delegate*);
  void* copy_from_buffer_handle;
  void* copy_to_buffer_handle;
  void* free_buffer_handle;
  int64_t flags;
  void* opaque_delegate_builder;
} Delegate;

typedef struct {
  Delegate* delegate;
  IntArray* nodes_to_replace;
  IntArray* input_tensors;
  IntArray* output_tensors;
} DelegateParams;

struct Context {
  size_t tensors_size;
  Status (*get_execution_plan)(Context*, IntArray**);
  Tensor* tensors;
  void* implementation;
  Status (*resize_tensor)(Context*, Tensor*, IntArray*);
  void (*report_error)(Context*, const char*, ...);
  Status (*add_tensors)(Context*, int, int*);
  Status (*get_node_and_registration)(Context*, int, Node**, Registration**);
  Status (*replace_nodes)(Context*, Registration, const IntArray*, Delegate*);
  const void* unused[16];
};

_Static_assert(sizeof(Registration) == 88, "TfLiteRegistration");
_Static_assert(sizeof(Tensor) == 112, "TfLiteTensor");
_Static_assert(sizeof(Node) == 80, "TfLiteNode");
_Static_assert(sizeof(Context) == 200, "TfLiteContext");
_Static_assert(sizeof(Delegate) == 56, "TfLiteDelegate");
_Static_assert(sizeof(DelegateParams) == 32, "TfLiteDelegateParams");

/* The kernel */

static const char kCustomOp[] = "edgetpu-custom-op";

/* Is called with the parameters instead of the bytes that a built-in operator would get. */
static void* kernel_init(Context* context, const char* buffer, size_t length) {
  (void)context;
  (void)length;
  return ((const DelegateParams*)buffer)->delegate;
}

static void kernel_free(Context* context, void* user_data) {
  (void)context;
  (void)user_data;
}

static Status kernel_prepare(Context* context, Node* node) {
  if (node->inputs->size == 1 && node->outputs->size == 1) return kOk;
  context->report_error(context, "The stand-in supports only one input and one output.");
  return kError;
}

static Status kernel_invoke(Context* context, Node* node) {
  const Delegate* delegate = node->user_data;
  const Tensor* input = &context->tensors[node->inputs->data[0]];
  Tensor* output = &context->tensors[node->outputs->data[0]];
  if (hooks.run == NULL) {
    memset(output->data, 0, output->bytes);
    return kOk;
  }
  if (hooks.run((int)(intptr_t)delegate->data, input->data, input->bytes, output->data,
                output->bytes)) {
    return kOk;
  }
  context->report_error(context, "Failed to execute request. USB transfer error 5");
  return kError;
}

/* The delegate */

static Status claim_custom_ops(Context* context, Delegate* delegate) {
  IntArray* plan;
  if (context->get_execution_plan(context, &plan) != kOk) return kError;
  /* The plan belongs to the runtime and changes with every replacement, so collect first. */
  int count = 0;
  int* found = malloc(plan->size * sizeof *found);
  for (int i = 0; i < plan->size; ++i) {
    Node* node;
    Registration* registration;
    if (context->get_node_and_registration(context, plan->data[i], &node, &registration) != kOk) {
      free(found);
      return kError;
    }
    const char* name = registration->custom_name;
    if (name != NULL && strcmp(name, kCustomOp) == 0) found[count++] = plan->data[i];
  }
  Registration registration = {.init = kernel_init,
                               .free = kernel_free,
                               .prepare = kernel_prepare,
                               .invoke = kernel_invoke,
                               .custom_name = "EdgeTpuDelegateForCustomOp",
                               .version = 1};
#if defined(OLD_ABI_WILD)
  registration.registration_external = (void*)8;
#elif defined(OLD_ABI_ZEROS)
  static char zeros[256];
  registration.registration_external = zeros;
#endif
  Status status = kOk;
  IntArray* one = malloc(sizeof *one + sizeof(int));
  one->size = 1;
  for (int i = 0; i < count && status == kOk; ++i) {
    one->data[0] = found[i];
    status = context->replace_nodes(context, registration, one, delegate);
  }
  free(one);
  free(found);
  return status;
}

EXPORT Delegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                               void (*report_error)(const char*)) {
  (void)report_error; /* the real library gives no reason either */
  const char* option = "";
  char options[1024] = "";
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(keys[i], "device") == 0) option = values[i];
    size_t used = strlen(options);
    snprintf(options + used, sizeof options - used, "%s=%s\n", keys[i], values[i]);
  }
  int device = find_device(option);
  if (device == -1 || getenv("STAND_IN_BUSY") != NULL) return NULL;
  Delegate* delegate = calloc(1, sizeof *delegate);
  delegate->data = (void*)(intptr_t)device;
  delegate->prepare = claim_custom_ops;
  delegate->flags = 1; /* dynamic tensors are allowed */
  if (hooks.opened != NULL) hooks.opened(device, options);
  return delegate;
}

/* Is called with NULL if the creation failed. */
EXPORT void tflite_plugin_destroy_delegate(Delegate* delegate) {
  if (delegate == NULL) return;
  if (hooks.closed != NULL) hooks.closed((int)(intptr_t)delegate->data);
  free(delegate);
}

#endif /* NO_ENTRY_POINTS */
