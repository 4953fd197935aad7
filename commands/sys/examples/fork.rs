//! Forks, hands a number from the child to the parent and prints what happened.

use secure_exec_sys as sys;

fn main() -> std::io::Result<()> {
    sys::init();
    let (read, write) = sys::fd::pipe(0)?;
    let secret = vec![7_u8; 3];
    let pid = sys::process::fork_call(|| {
        let sent = sys::fd::write_all(write, &secret);
        if sent.is_ok() { 42 } else { 1 }
    })?;
    sys::fd::close(write)?;
    let mut buffer = [0; 16];
    let n = sys::fd::read(read, &mut buffer)?;
    let status = sys::process::wait(pid, 0)?.map(|(_, status)| status);
    println!(
        "received {:?}, child exited with {:?}",
        &buffer[..n],
        status.and_then(|s| s.exited())
    );
    let missing = std::fs::canonicalize("/no/such/file").expect_err("it does not exist");
    println!("{}", sys::errno::message(&missing));
    Ok(())
}
