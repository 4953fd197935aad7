//! Looking at a module before it is compiled.

use wasmparser::{Encoding, ExternalKind, Parser, Payload};

use crate::load_error::LoadError;

/// Export name of a global that `proc_fork_call` copies; its number follows.
pub(crate) const GLOBAL_EXPORT: &str = "secure_exec:global:";

/// Most of each: functions, types, imports, exports, globals, elements, data segments.
const MOST_ITEMS: u32 = 100_000;

/// Largest body of a function: beyond it the time to compile grows faster than the size.
const LARGEST_BODY: usize = 1 << 20;

/// A section that comes after the exports starts with one of these.
const EXPORT_SECTION: u8 = 7;
const CUSTOM_SECTION: u8 = 0;

/// Refuses what would take too long or too much to compile.
///
/// # Errors
/// It is no module, or a large one.
pub(crate) fn check(module: &[u8]) -> Result<(), LoadError> {
    for payload in Parser::new(0).parse_all(module) {
        let count = match payload.map_err(invalid)? {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => return Err(LoadError::Invalid("a component, not a module".into())),
            Payload::TypeSection(section) => section.count(),
            Payload::ImportSection(section) => section.count(),
            Payload::FunctionSection(section) => section.count(),
            Payload::ExportSection(section) => section.count(),
            Payload::GlobalSection(section) => section.count(),
            Payload::ElementSection(section) => section.count(),
            Payload::DataSection(section) => section.count(),
            Payload::CodeSectionEntry(body) if body.as_bytes().len() > LARGEST_BODY => {
                return Err(LoadError::TooLarge {
                    what: "function",
                    bound: LARGEST_BODY,
                    size: body.as_bytes().len(),
                });
            }
            _ => 0,
        };
        if count > MOST_ITEMS {
            return Err(LoadError::TooLarge {
                what: "section",
                bound: MOST_ITEMS as usize,
                size: count as usize,
            });
        }
    }
    Ok(())
}

/// Exports every mutable global of a module, so that `proc_fork_call` can copy them. Linkers keep the stack
/// pointer to themselves otherwise.
///
/// # Errors
/// It is no module.
pub(crate) fn export_globals(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let plan = Plan::of(module)?;
    if plan.globals.is_empty() {
        return Ok(module.to_vec());
    }
    let mut entries = Vec::new();
    for (number, index) in plan.globals.iter().enumerate() {
        let name = format!("{GLOBAL_EXPORT}{number}");
        leb128(&mut entries, length(name.as_bytes())?);
        entries.extend_from_slice(name.as_bytes());
        entries.push(3);
        leb128(&mut entries, *index);
    }
    let mut body = Vec::new();
    leb128(&mut body, plan.export_count + length(&plan.globals)?);
    body.extend_from_slice(plan.exports);
    body.extend_from_slice(&entries);
    let mut result = Vec::with_capacity(module.len() + body.len() + 16);
    result.extend_from_slice(module.get(..plan.cut).unwrap_or_default());
    result.push(EXPORT_SECTION);
    leb128(&mut result, length(&body)?);
    result.extend_from_slice(&body);
    result.extend_from_slice(module.get(plan.resume..).unwrap_or_default());
    Ok(result)
}

/// How many there are, as a module counts.
fn length<T>(items: &[T]) -> Result<u32, LoadError> {
    u32::try_from(items.len()).map_err(|_| LoadError::Invalid("it is too long".into()))
}

/// Where the new export section goes.
struct Plan<'a> {
    /// Mutable globals of the module's own.
    globals: Vec<u32>,
    /// Entries of the old export section, and their count.
    exports: &'a [u8],
    export_count: u32,
    /// The part from `cut` to `resume` is replaced.
    cut: usize,
    resume: usize,
}

impl<'a> Plan<'a> {
    fn of(module: &'a [u8]) -> Result<Plan<'a>, LoadError> {
        let mut plan = Plan {
            globals: Vec::new(),
            exports: &[],
            export_count: 0,
            cut: module.len(),
            resume: module.len(),
        };
        let mut imported = 0;
        let mut placed = false;
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.map_err(invalid)?;
            match &payload {
                Payload::ImportSection(section) => {
                    for import in section.clone().into_imports() {
                        let is_global =
                            matches!(import.map_err(invalid)?.ty, wasmparser::TypeRef::Global(_));
                        imported += u32::from(is_global);
                    }
                }
                Payload::GlobalSection(section) => {
                    for (index, global) in (imported..).zip(section.clone()) {
                        if global.map_err(invalid)?.ty.mutable {
                            plan.globals.push(index);
                        }
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        let export = export.map_err(invalid)?;
                        debug_assert!(export.kind != ExternalKind::Tag);
                    }
                }
                _ => {}
            }
            if placed {
                continue;
            }
            if let Some((id, range)) = payload.as_section()
                && id >= EXPORT_SECTION
                // Tags, which come before the exports.
                && id != 13
                && id != CUSTOM_SECTION
            {
                placed = true;
                plan.cut = header_of(module, range.start, range.len());
                plan.resume = plan.cut;
                if id == EXPORT_SECTION {
                    plan.resume = range.end;
                    let body = module.get(range).unwrap_or_default();
                    let (count, length) = unsigned(body);
                    plan.export_count = count;
                    plan.exports = body.get(length..).unwrap_or_default();
                }
            }
        }
        Ok(plan)
    }
}

/// Offset of the section whose body of `length` bytes starts at `body`: its number and its length come before.
fn header_of(module: &[u8], body: usize, length: usize) -> usize {
    // The length may be written with more bytes than it needs.
    (2..=6)
        .filter_map(|size| body.checked_sub(size))
        .find(|start| {
            let field = module.get(start + 1..body).unwrap_or_default();
            let (value, used) = unsigned(field);
            used == field.len() && value as usize == length
        })
        .unwrap_or(body)
}

/// Reads an unsigned LEB128 number: its value and its length.
fn unsigned(bytes: &[u8]) -> (u32, usize) {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (u32::try_from(value).unwrap_or(u32::MAX), index + 1);
        }
    }
    (0, 0)
}

fn leb128(bytes: &mut Vec<u8>, mut value: u32) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn invalid(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Invalid(error.to_string())
}
