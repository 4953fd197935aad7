//! Serves one connection, whose client it is itself, and prints what went over it.

use secure_exec_sys as sys;
use std::net::SocketAddr;
use sys::net::{AF_INET, MsgFlags, SOCK_STREAM, Shutdown, Socket, inet, lookup};

fn main() -> std::io::Result<()> {
    sys::init();
    let here = lookup("localhost")?;
    let address = here.into_iter().find(std::net::IpAddr::is_ipv4);
    let address = address.unwrap_or(std::net::Ipv4Addr::LOCALHOST.into());
    let listener = Socket::open(AF_INET, SOCK_STREAM)?;
    listener.bind(&inet(SocketAddr::new(address, 0)))?;
    listener.listen(1)?;
    let client = Socket::open(AF_INET, SOCK_STREAM)?;
    client.connect(&listener.name()?)?;
    let server = listener.accept(0)?;
    client.send(b"hello", MsgFlags::empty())?;
    client.shutdown(Shutdown::Write)?;
    let mut buffer = [0; 16];
    let count = server.receive(&mut buffer, MsgFlags::empty())?;
    println!("{}", String::from_utf8_lossy(&buffer[..count]));
    println!("{}", server.receive(&mut buffer, MsgFlags::empty())?);
    let outside = inet(([192, 0, 2, 1], 80).into());
    let refused = Socket::open(AF_INET, SOCK_STREAM)?.connect(&outside);
    println!("{}", refused.is_err());
    Ok(())
}
