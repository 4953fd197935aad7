//! A port of the machine for debuggers: `--inspect`, `inspector.open()`. Follows Node's `src/inspector_io.cc`.
//!
//! Commands arrive on a thread of their own and go to the isolate by its mailbox, so that they are read in the middle of a
//! loop and at a breakpoint. The socket is the guest's own: who may reach it is up to the machine's network, and to
//! `exposePort` of the host.

mod connection;
mod http;
mod server;
mod websocket;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use secure_exec_kernel::abi::socket::{
    OptionValue, SO_REUSEADDR, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::{Errno, Fd, Process, SocketAddress};

use super::{Agent, Refusal};
use crate::env::Env;
use crate::process::{exit, report, uncaught};
use connection::Shared;
use http::Target;
use server::{Control, Server};

/// How many connections wait until the thread takes them.
const BACKLOG: i32 = 128;

/// Stack of the thread.
const STACK: usize = 256 << 10;

/// A port that is open.
pub struct Port {
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
    url: String,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.control.ends.store(true, Ordering::Release);
        self.control.rouse();
        if let Some(thread) = self.thread.take() {
            // It waits for nothing but its control. A panic of its was told by the hook.
            let _ = thread.join();
        }
    }
}

/// Why there is no port.
enum Failure {
    Refused(Refusal),
    Address(String),
}

impl Agent {
    /// Opens the port, unless one is open, and says so on standard error (`Agent::StartIoThread`); false where it cannot be,
    /// which standard error says too.
    pub fn open_port(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        host: &str,
        number: u16,
    ) -> bool {
        if self.port.borrow().is_some() {
            return true;
        }
        match self.start_port(scope, host, number) {
            Ok(port) => {
                *self.port.borrow_mut() = Some(port);
                let env = Env::of(scope);
                exit::at_exit(&env, at_exit);
                uncaught::listen(&env, tell_of_exception);
                true
            }
            Err(Failure::Refused(refusal)) => {
                report::write_stderr(scope, format!("{}\n", refusal.text()).as_bytes());
                false
            }
            Err(Failure::Address(reason)) => {
                report::write_stderr(scope, format!("{reason}\n").as_bytes());
                false
            }
        }
    }

    fn start_port(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        host: &str,
        number: u16,
    ) -> Result<Port, Failure> {
        self.inspector(scope).map_err(Failure::Refused)?;
        let env = Env::of(scope);
        let process = env.process();
        let address = resolve(host).ok_or_else(|| {
            Failure::Address(format!(
                "Unable to resolve \"{host}\": unknown node or service"
            ))
        })?;
        let failed = |errno: Errno| {
            let reason = errno.message();
            Failure::Address(format!(
                "Starting inspector on {host}:{number} failed: {reason}"
            ))
        };
        let (listener, number) =
            listen(&process, SocketAddr::new(address, number)).map_err(failed)?;
        let target = target(&env, &process);
        let address = host_port(host, number);
        let url = format!("ws://{address}/{}", target.id);
        let control = Arc::new(Control::default());
        let options = env.options.borrow();
        let publishes = |way: &str| {
            let ways = options.text("--inspect-publish-uid").unwrap_or_default();
            ways.split(',').any(|each| each == way)
        };
        let says = publishes("stderr");
        let notice = |what: &str| {
            if !says {
                return String::new();
            }
            format!(
                "Debugger {what} on {url}\n\
                 For help, see: https://nodejs.org/learn/getting-started/debugging\n"
            )
        };
        let server = Server {
            shared: Shared {
                process: process.clone(),
                mailbox: self.mailbox(scope),
                target,
                address,
                publishes_http: publishes("http"),
            },
            listener: Some(listener),
            control: control.clone(),
            connections: Vec::new(),
            ending_notice: notice("ending"),
        };
        drop(options);
        let thread = std::thread::Builder::new()
            .name("inspector".to_owned())
            .stack_size(STACK)
            .spawn(move || server.run());
        let thread = thread.map_err(|error| {
            // Just made, so it is open.
            let _ = process.close(listener);
            Failure::Address(format!(
                "Starting inspector on {host}:{number} failed: {error}"
            ))
        })?;
        report::write_stderr(scope, notice("listening").as_bytes());
        self.set_debug_port(number);
        Ok(Port {
            control,
            thread: Some(thread),
            url,
        })
    }

    /// The address of the open port's one target.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let port = self.port.borrow();
        port.as_ref().map(|port| port.url.clone())
    }

    /// The number that a port has or would have (`process.debugPort`).
    #[must_use]
    pub fn debug_port(&self, env: &Env) -> u16 {
        let options = env.options.borrow();
        let place = options.get("--inspect-port");
        let known = || u16::try_from(place?["port"].as_u64()?).ok();
        self.debug_port.get().or_else(known).unwrap_or_default()
    }

    /// The name or address that a port would be at.
    #[must_use]
    pub fn debug_host(&self, env: &Env) -> String {
        let options = env.options.borrow();
        let place = options.get("--inspect-port");
        let host = place.and_then(|place| place["host"].as_str());
        host.unwrap_or_default().to_owned()
    }

    /// Sets it, for ports that are still to be opened.
    pub fn set_debug_port(&self, number: u16) {
        self.debug_port.set(Some(number));
    }

    /// Closes the port, and ends the connections by it (`Agent::Stop`).
    pub fn close_port(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        let port = self.port.take();
        if port.is_some() {
            drop(port);
            self.read_mail(scope);
        }
    }

    fn stop_accepting(&self) {
        if let Some(port) = &*self.port.borrow() {
            port.control.accepts_no_more.store(true, Ordering::Release);
            port.control.rouse();
        }
    }
}

/// Does what the command line says of debuggers, before the program starts (`Environment::InitializeInspector`). Without a
/// port it goes on, as in Node.
pub fn start_by_options(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let options = env.options.borrow();
    if !options.flag("--inspect") || !options.allows_debuggers() {
        return;
    }
    let waits = options.flag("--inspect-brk") || options.flag("--inspect-wait");
    drop(options);
    let agent = Agent::of(&env);
    let (host, number) = (agent.debug_host(&env), agent.debug_port(&env));
    // Where there is no inspector there is no port.
    if agent.open_port(scope, &host, number) && waits {
        let _ = agent.wait_for_frontend(scope);
    }
}

/// The end of a program with an open port.
fn at_exit(scope: &mut v8::PinScope<'_, '_>) {
    let agent = Agent::of(&Env::of(scope));
    if agent.port.borrow().is_some() {
        agent.stop_accepting();
        agent.wait_for_disconnect(scope);
    }
}

/// Tells debuggers of the exception that ends the program.
fn tell_of_exception(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
    message: v8::Local<'_, v8::Message>,
) {
    Agent::of(&Env::of(scope)).exception_thrown(scope, error, message);
}

fn resolve(host: &str) -> Option<IpAddr> {
    match host {
        "" | "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        name => name.trim_matches(['[', ']']).parse().ok(),
    }
}

fn listen(process: &Process, address: SocketAddr) -> Result<(Fd, u16), Errno> {
    let address = match address {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    };
    let fd = process.socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)?;
    let listening = || {
        process.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, OptionValue::Int(1))?;
        process.bind(fd, &address)?;
        process.listen(fd, BACKLOG)?;
        Ok(match process.getsockname(fd)? {
            SocketAddress::Inet(address) => address.port(),
            SocketAddress::Inet6(address) => address.port(),
            _ => 0,
        })
    };
    listening().map(|number| (fd, number)).inspect_err(|_| {
        // Just made, so it is open.
        let _ = process.close(fd);
    })
}

fn host_port(host: &str, number: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{number}")
    } else {
        format!("{host}:{number}")
    }
}

fn target(env: &Env, process: &Process) -> Target {
    let options = env.options.borrow();
    let script = options.script.first().cloned().unwrap_or_default();
    let cwd = process.getcwd().unwrap_or_default();
    let path = if script.is_empty() || script.starts_with('/') {
        script
    } else {
        format!(
            "{}/{script}",
            String::from_utf8_lossy(&cwd).trim_end_matches('/')
        )
    };
    let title = if path.is_empty() {
        format!("node[{}]", process.pid().raw())
    } else {
        path.clone()
    };
    Target {
        id: uuid(process),
        title,
        url: format!("file://{path}"),
    }
}

/// A random UUID (RFC 4122, section 4.4).
fn uuid(process: &Process) -> String {
    let mut bytes = [0_u8; 16];
    // The machine's random numbers do not end.
    let _ = process.getrandom(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&index) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}
