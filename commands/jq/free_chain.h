// Included by jv.c, before `jv_free`.
//
// A value within a value within a value is freed by recursion, and the stack of compiled code is 1 MiB here, where that of
// Linux is 8. So the last part of an array or an object is freed by going on with it: a chain of any length takes no stack.

static int jvp_is_nested(jv value) {
  return JVP_IS_ALLOCATED(value) && (JVP_KIND(value) == JV_KIND_ARRAY || JVP_KIND(value) == JV_KIND_OBJECT);
}

/** Keeps the one that was last, if it has parts, for later. */
static void jvp_free_or_keep(jv value, jv *last) {
  if (!jvp_is_nested(value)) {
    jv_free(value);
    return;
  }
  jv earlier = *last;
  *last = value;
  if (jvp_is_nested(earlier)) jv_free(earlier);
}

/** Frees an array or an object but for one part of it, which it gives back. */
static jv jvp_free_outermost(jv value) {
  jv last = JV_NULL;
  if (!jvp_refcnt_dec(value.u.ptr)) return last;
  if (JVP_KIND(value) == JV_KIND_ARRAY) {
    jvp_array *array = jvp_array_ptr(value);
    for (int i = 0; i < array->length; i++) jvp_free_or_keep(array->elements[i], &last);
    jv_mem_free(array);
  } else {
    for (int i = 0; i < jvp_object_size(value); i++) {
      struct object_slot *slot = jvp_object_get_slot(value, i);
      if (JVP_KIND(slot->string) == JV_KIND_NULL) continue;
      jvp_string_free(slot->string);
      jvp_free_or_keep(slot->value, &last);
    }
    jv_mem_free(jvp_object_ptr(value));
  }
  return last;
}

static jv jvp_free_chain(jv value) {
  while (jvp_is_nested(value)) value = jvp_free_outermost(value);
  return value;
}
