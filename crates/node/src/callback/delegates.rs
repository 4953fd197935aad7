//! Trampolines of the objects that V8's serializers call.

use v8::{Local, PinScope};

use super::{contain, contain_bare};

/// A delegate whose panics are contained: what failed fails with an exception.
pub struct Contained<D>(pub D);

impl<D: v8::ValueSerializerImpl> v8::ValueSerializerImpl for Contained<D> {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        message: Local<'s, v8::String>,
    ) {
        contain(scope, |scope| self.0.throw_data_clone_error(scope, message));
    }

    fn has_custom_host_object(&self, isolate: &v8::Isolate) -> bool {
        contain_bare(|| self.0.has_custom_host_object(isolate)).unwrap_or(false)
    }

    fn is_host_object<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        object: Local<'s, v8::Object>,
    ) -> Option<bool> {
        contain(scope, |scope| self.0.is_host_object(scope, object)).flatten()
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        object: Local<'s, v8::Object>,
        serializer: &dyn v8::ValueSerializerHelper,
    ) -> Option<bool> {
        contain(scope, |scope| {
            self.0.write_host_object(scope, object, serializer)
        })
        .flatten()
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        buffer: Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        contain(scope, |scope| {
            self.0.get_shared_array_buffer_id(scope, buffer)
        })
        .flatten()
    }

    fn get_wasm_module_transfer_id(
        &self,
        scope: &mut PinScope<'_, '_>,
        module: Local<'_, v8::WasmModuleObject>,
    ) -> Option<u32> {
        contain(scope, |scope| {
            self.0.get_wasm_module_transfer_id(scope, module)
        })
        .flatten()
    }
}

impl<D: v8::ValueDeserializerImpl> v8::ValueDeserializerImpl for Contained<D> {
    fn read_host_object<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        deserializer: &dyn v8::ValueDeserializerHelper,
    ) -> Option<Local<'s, v8::Object>> {
        contain(scope, |scope| self.0.read_host_object(scope, deserializer)).flatten()
    }

    fn get_shared_array_buffer_from_id<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        id: u32,
    ) -> Option<Local<'s, v8::SharedArrayBuffer>> {
        contain(scope, |scope| {
            self.0.get_shared_array_buffer_from_id(scope, id)
        })
        .flatten()
    }

    fn get_wasm_module_from_id<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        id: u32,
    ) -> Option<Local<'s, v8::WasmModuleObject>> {
        contain(scope, |scope| self.0.get_wasm_module_from_id(scope, id)).flatten()
    }
}
