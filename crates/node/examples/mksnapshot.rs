//! Writes the startup snapshot: `mksnapshot FILE`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: mksnapshot FILE")?;
    secure_exec_node::initialize_v8(secure_exec_node::V8Options {
        building_snapshot: true,
        ..Default::default()
    });
    let snapshot = secure_exec_node::Snapshot::create(None)?;
    std::fs::write(path, snapshot)?;
    Ok(())
}
