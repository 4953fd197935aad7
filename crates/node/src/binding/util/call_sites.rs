//! Where a call came from.

use crate::callback::{Args, Return, Scope};
use crate::js::convert;
use crate::js::exception::{string, throw_invalid_argument};

/// `[line, column, file]` of the caller of the function that asks.
pub fn get_caller_location(scope: Scope, _args: Args, mut rv: Return) {
    let Some(trace) = v8::StackTrace::current_stack_trace(scope, 2) else {
        return;
    };
    // Frame 0 is the function that asks, frame 1 its caller.
    if trace.get_frame_count() != 2 {
        return;
    }
    let Some(frame) = trace.get_frame(scope, 1) else {
        return;
    };
    let Some(file) = frame.get_script_name_or_source_url(scope) else {
        return;
    };
    let line = number(scope, frame.get_line_number());
    let column = number(scope, frame.get_column());
    rv.set(v8::Array::new_with_elements(scope, &[line, column, file.into()]).into());
}

fn number<'s>(scope: &v8::PinScope<'s, '_>, value: usize) -> v8::Local<'s, v8::Value> {
    v8::Integer::new_from_unsigned(scope, u32::try_from(value).unwrap_or(u32::MAX)).into()
}

/// `util.getCallSites(frames)`: one object without prototype per frame, without the library's own.
pub fn get_call_sites(scope: Scope, args: Args, mut rv: Return) {
    let frames = args.get(0).uint32_value(scope).unwrap_or(0) as usize;
    if !(1..=200).contains(&frames) {
        throw_invalid_argument(scope, "The \"frames\" argument must be between 1 and 200");
        return;
    }
    let Some(trace) = v8::StackTrace::current_stack_trace(scope, frames + 1) else {
        return;
    };
    let mut sites = Vec::new();
    // Frame 0 is node:util.
    for index in 1..trace.get_frame_count() {
        let Some(frame) = trace.get_frame(scope, index) else {
            continue;
        };
        let function_name = frame
            .get_function_name(scope)
            .unwrap_or_else(|| v8::String::empty(scope));
        let script_name = frame
            .get_script_name(scope)
            .unwrap_or_else(|| v8::String::empty(scope));
        let script_id = string(scope, &frame.get_script_id().to_string());
        let line = number(scope, frame.get_line_number());
        let column = number(scope, frame.get_column());
        let site = convert::null_prototype_object(scope);
        convert::set(scope, site, "functionName", function_name.into());
        convert::set(scope, site, "scriptId", script_id.into());
        convert::set(scope, site, "scriptName", script_name.into());
        convert::set(scope, site, "lineNumber", line);
        convert::set(scope, site, "columnNumber", column);
        convert::set(scope, site, "column", column);
        sites.push(site.into());
    }
    rv.set(v8::Array::new_with_elements(scope, &sites).into());
}

/// Whether the topmost frame outside the library lies under `node_modules`.
pub fn is_inside_node_modules(scope: Scope, args: Args, mut rv: Return) {
    let limit = args.get(0);
    let limit = if limit.is_int32() {
        limit.int32_value(scope).unwrap_or(10).clamp(0, 200)
    } else {
        10
    };
    let limit = usize::try_from(limit).unwrap_or(10);
    let Some(trace) = v8::StackTrace::current_stack_trace(scope, limit) else {
        return;
    };
    let mut inside = false;
    for index in 0..trace.get_frame_count() {
        let Some(name) = trace
            .get_frame(scope, index)
            .and_then(|frame| frame.get_script_name(scope))
        else {
            continue;
        };
        let name = name.to_rust_string_lossy(scope);
        if name.is_empty() || name.starts_with("node:") {
            continue;
        }
        inside = is_in_node_modules(&name);
        break;
    }
    rv.set_bool(inside);
}

/// Whether a folder of the path is `node_modules`: one with a separator of any system on either side.
fn is_in_node_modules(path: &str) -> bool {
    path.replace('\\', "/").contains("/node_modules/")
}

#[cfg(test)]
mod tests {
    use super::is_in_node_modules;

    #[test]
    fn node_modules_is_a_folder_between_separators() {
        for path in [
            "/a/node_modules/b.js",
            "c:\\node_modules\\b.js",
            "file:///node_modules/a/b.js",
        ] {
            assert!(is_in_node_modules(path), "{path}");
        }
        for path in [
            "node_modules/b.js",
            "/a/node_modules",
            "/a/my_node_modules/b.js",
            "b.js",
        ] {
            assert!(!is_in_node_modules(path), "{path}");
        }
    }
}
