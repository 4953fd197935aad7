//! V8's pool of pages.

unsafe extern "C" {
    /// `v8::internal::OnCriticalMemoryPressure`: what V8 does before it tries an allocation again that failed. There is no
    /// public way to its effect but a garbage collection of some isolate.
    #[link_name = "_ZN2v88internal24OnCriticalMemoryPressureEv"]
    fn on_critical_memory_pressure();
}

/// Gives back the pages of heaps that are gone, which V8 keeps for others for some seconds. From any thread, once V8 is
/// initialised.
pub(crate) fn release_pooled_memory() {
    // SAFETY: the pools of the process are behind locks, and isolates take what they have taken out of them.
    unsafe { on_critical_memory_pressure() };
}
