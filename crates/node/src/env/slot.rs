//! Names of the values that native code keeps for one isolate.

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
    /// `process_methods.setEmitWarningSync`.
    EmitWarningSync,
    /// `process_methods`: hrtimeBuffer, Uint32Array(3).
    HrtimeBuffer,
    /// Private exit fields of `process`: Int32Array of kExiting, kExitCode, kHasExitCode.
    ExitInfo,
    /// `stream_wrap`: streamBaseState, Int32Array(5).
    StreamBaseState,
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
    /// `uv`/`stream_wrap`: the sentinel of `AsyncContextFrame`.
    EmptyContextFrame,
}
