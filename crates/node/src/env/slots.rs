//! The values that native code shares with the library, by their names.

use std::cell::RefCell;

use super::Env;

macro_rules! slots {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A value that native code shares with Node's library. All of them are saved in the startup snapshot.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        pub enum Slot { $($(#[$doc])* $name,)* }

        impl Slot {
            /// Every slot, in order.
            pub const ALL: &[Slot] = &[$(Slot::$name,)*];
            /// How many there are.
            pub const COUNT: usize = Slot::ALL.len();
        }
    };
}

slots! {
    /// The code of a program that is no argument (`invocation.rs`).
    Code,
    /// The `process` object.
    Process,
    /// `primordials` of the main context.
    Primordials,
    /// `exports` of the per-context scripts of the main context.
    PerContextExports,
    /// `privateSymbols`, as the library sees it.
    PrivateSymbols,
    /// `perIsolateSymbols`, as the library sees it.
    PerIsolateSymbols,
    /// `internalBinding` as made by `internal/bootstrap/realm`.
    InternalBinding,
    /// `requireBuiltin` of `internal/bootstrap/realm`.
    RequireBuiltin,
    /// The cache of initialised bindings, name to object.
    Bindings,
    /// `async_wrap`: hook counters, Uint32Array(9).
    AsyncHookFields,
    /// `async_wrap`: current ids, Float64Array(4).
    AsyncIdFields,
    /// `async_wrap`: stack of id pairs, Float64Array.
    AsyncIdsStack,
    /// `async_wrap`: array of resources by depth.
    ExecutionAsyncResources,
    /// `async_wrap.setupHooks`: init.
    AsyncHooksInit,
    /// `async_wrap.setupHooks`: before.
    AsyncHooksBefore,
    /// `async_wrap.setupHooks`: after.
    AsyncHooksAfter,
    /// `async_wrap.setupHooks`: destroy.
    AsyncHooksDestroy,
    /// `async_wrap.setupHooks`: promise_resolve.
    AsyncHooksPromiseResolve,
    /// `async_wrap.setPromiseHooks`: array of four functions or undefined.
    PromiseHooks,
    /// `async_wrap.setCallbackTrampoline`.
    CallbackTrampoline,
    /// `task_queue`: tickInfo, Uint8Array(2).
    TickInfo,
    /// `task_queue.setTickCallback`.
    TickCallback,
    /// `task_queue.setPromiseRejectCallback`.
    PromiseRejectCallback,
    /// `timers`: immediateInfo, Uint32Array(3).
    ImmediateInfo,
    /// `timers`: timeoutInfo, Int32Array(1).
    TimeoutInfo,
    /// `timers`: how many wait and how many may, Uint32Array(2).
    TimerUsage,
    /// `timers.setupTimers`: processImmediate.
    ProcessImmediate,
    /// `timers.setupTimers`: processTimers.
    ProcessTimers,
    /// `errors.setPrepareStackTraceCallback`.
    PrepareStackTrace,
    /// `errors.setEnhanceStackForFatalException`: before the inspector.
    EnhanceStackBefore,
    /// `errors.setEnhanceStackForFatalException`: after the inspector.
    EnhanceStackAfter,
    /// `errors.setMaybeCacheGeneratedSourceMap`.
    MaybeCacheGeneratedSourceMap,
    /// `errors.setGetSourceMapErrorSource`.
    GetSourceMapErrorSource,
    /// `module_wrap.setImportModuleDynamicallyCallback`.
    ImportModuleDynamically,
    /// `module_wrap.setInitializeImportMetaObjectCallback`.
    InitializeImportMeta,
    /// `buffer.setBufferPrototype`: `FastBuffer.prototype`.
    BufferPrototype,
    /// `messaging.setDeserializerCreateObjectFunction`.
    DeserializerCreateObject,
    /// `trace_events.setTraceCategoryStateUpdateHandler`.
    TraceCategoryStateUpdate,
    /// `trace_events.getCategoryEnabledBuffer`: the bytes, by category.
    TraceCategoryBuffers,
    /// `process_methods.setEmitWarningSync`.
    EmitWarningSync,
    /// `process_methods`: hrtimeBuffer, Uint32Array(3).
    HrtimeBuffer,
    /// Private exit fields of `process`: Int32Array of kExiting, kExitCode, kHasExitCode.
    ExitInfo,
    /// `stream_wrap`: streamBaseState, Int32Array(5).
    StreamBaseState,
    /// `http2`: sessionState, Float64Array(9).
    Http2SessionState,
    /// `http2`: streamState, Float64Array(6).
    Http2StreamState,
    /// `http2`: settingsBuffer, Uint32Array(29).
    Http2Settings,
    /// `http2`: optionsBuffer, Uint32Array(14).
    Http2Options,
    /// `http2`: streamStats, Float64Array(6).
    Http2StreamStats,
    /// `http2`: sessionStats, Float64Array(9).
    Http2SessionStats,
    /// `http2.setCallbackFunctions`: array of eleven functions.
    Http2Callbacks,
    /// `fs`: statValues, Float64Array(36).
    StatValues,
    /// `fs`: bigintStatValues, BigInt64Array(36).
    BigintStatValues,
    /// `fs`: statFsValues, Float64Array.
    StatFsValues,
    /// `fs`: bigintStatFs, BigInt64Array.
    BigintStatFsValues,
    /// `url`: urlComponents, Uint32Array(9).
    UrlComponents,
    /// `encoding_binding`: encodeIntoResults, Uint32Array(2).
    EncodeIntoResults,
    /// `performance`: milestones, Float64Array.
    PerformanceMilestones,
    /// `performance`: observerCounts, Uint32Array.
    PerformanceObserverCounts,
    /// `performance.setupObservers`.
    PerformanceObserverCallback,
    /// `diagnostics_channel`: subscribers, Uint32Array.
    DiagnosticsSubscribers,
    /// `diagnostics_channel.linkNativeChannel`.
    DiagnosticsLinkChannel,
    /// `util`: shouldAbortOnUncaughtToggle, Uint32Array(1).
    ShouldAbortOnUncaught,
    /// `mksnapshot`: isBuildingSnapshotBuffer, Uint8Array(1).
    IsBuildingSnapshot,
    /// `v8`: heapStatisticsBuffer, Float64Array.
    HeapStatistics,
    /// `v8`: heapCodeStatisticsBuffer, Float64Array.
    HeapCodeStatistics,
    /// `v8`: heapSpaceStatisticsBuffer, Float64Array.
    HeapSpaceStatistics,
    /// `wasm_web_api.setImplementation`.
    WasmStreamingImplementation,
    /// `inspector.setConsoleExtensionInstaller`.
    ConsoleExtensionInstaller,
    /// `inspector.registerAsyncHook`: what switches the hooks on.
    InspectorEnableHooks,
    /// `inspector.registerAsyncHook`: what switches them off.
    InspectorDisableHooks,
    /// `require` of a debugger's console, once it was asked for.
    ConsoleRequire,
    /// `inspector.setupNetworkTracking`: what tells of requests.
    InspectorEnableNetwork,
    /// `inspector.setupNetworkTracking`: what tells of none.
    InspectorDisableNetwork,
    /// `profiler.setSourceMapCacheGetter`.
    SourceMapCacheGetter,
    /// `uv`/`stream_wrap`: the sentinel of `AsyncContextFrame`.
    EmptyContextFrame,
}

/// What is stored under each.
pub(super) struct Slots(RefCell<Vec<Option<v8::Global<v8::Value>>>>);

impl Default for Slots {
    fn default() -> Self {
        Slots(RefCell::new(vec![None; Slot::COUNT]))
    }
}

impl Slots {
    pub(super) fn clear(&self) {
        self.0.borrow_mut().fill(None);
    }
}

impl Env {
    /// Stores a value that native code needs again.
    pub fn set_slot(
        &self,
        scope: &v8::PinScope<'_, '_>,
        slot: Slot,
        value: v8::Local<'_, v8::Value>,
    ) {
        self.slots.0.borrow_mut()[slot as usize] = Some(v8::Global::new(scope, value));
    }

    /// The value stored under `slot`.
    pub fn slot<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        slot: Slot,
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.slots.0.borrow()[slot as usize]
            .as_ref()
            .map(|value| v8::Local::new(scope, value))
    }

    /// The function stored under `slot`, if a function is.
    pub fn function<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        slot: Slot,
    ) -> Option<v8::Local<'s, v8::Function>> {
        self.slot(scope, slot)?.try_cast().ok()
    }

    /// The object stored under `slot`, if an object is.
    pub fn object<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        slot: Slot,
    ) -> Option<v8::Local<'s, v8::Object>> {
        self.slot(scope, slot)?.try_cast().ok()
    }

    /// Saves what the startup snapshot must carry besides the heap itself: the slots, as one array.
    pub fn slots_array<'s>(&self, scope: &v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Array> {
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        let slots: Vec<v8::Local<v8::Value>> = Slot::ALL
            .iter()
            .map(|slot| self.slot(scope, *slot).unwrap_or(undefined))
            .collect();
        v8::Array::new_with_elements(scope, &slots)
    }

    /// Takes the slots back out of the snapshot.
    pub fn restore_slots(&self, scope: &v8::PinScope<'_, '_>, slots: v8::Local<'_, v8::Array>) {
        for (index, slot) in Slot::ALL.iter().enumerate() {
            let Some(value) = u32::try_from(index)
                .ok()
                .and_then(|index| slots.get_index(scope, index))
            else {
                continue;
            };
            if value.is_undefined() {
                continue;
            }
            match v8::Local::<v8::TypedArray>::try_from(value) {
                Ok(array) => self.adopt_array(scope, *slot, array),
                Err(_) => self.set_slot(scope, *slot, value),
            }
        }
    }
}
