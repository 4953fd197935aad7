//! `internalBinding('credentials')`: users and groups of the process. Follows Node's `src/node_credentials.cc`.
//!
//! # Deviations
//! A guest process runs as one user for its whole life. Setting an id to the one the
//! process has succeeds, as in Linux; anything else fails with `EPERM`, as for an unprivileged process.

use secure_exec_kernel::Errno;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::exception;
use crate::process::{passwd, process_env};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("safeGetenv", safe_getenv)
        .function("getTempDir", get_temp_dir)
        .function("getuid", getuid)
        .function("geteuid", geteuid)
        .function("getgid", getgid)
        .function("getegid", getegid)
        .function("getgroups", getgroups)
        .function("initgroups", initgroups)
        .function("setegid", setegid)
        .function("seteuid", seteuid)
        .function("setgid", setgid)
        .function("setuid", setuid)
        .function("setgroups", setgroups);
}

/// The variable's value; `undefined` where it is not set. A guest process never gains privileges by `exec`, so there is
/// no case in which the environment is not to be trusted.
fn safe_getenv(scope: Scope, args: Args, mut rv: Return) {
    let name = crate::js::convert::text(scope, args.get(0));
    let env = Env::of(scope);
    if let Some(value) = process_env::environment(&env).get(&name) {
        rv.set(exception::string(scope, &value).into());
    }
}

fn get_temp_dir(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let environment = process_env::environment(&env);
    let named = ["TMPDIR", "TMP", "TEMP"]
        .iter()
        .filter_map(|name| environment.get(name))
        .find(|directory| !directory.is_empty());
    let mut directory = named.unwrap_or_else(|| "/tmp".to_owned());
    if directory.len() > 1 && directory.ends_with('/') {
        directory.pop();
    }
    rv.set(exception::string(scope, &directory).into());
}

macro_rules! id_getter {
    ($name:ident) => {
        fn $name(scope: Scope, _args: Args, mut rv: Return) {
            let env = Env::of(scope);
            if let Some(process) = env.try_process() {
                rv.set_double(f64::from(process.$name()));
            }
        }
    };
}

/// Names as the system calls have them; the kernel says `uid()`.
trait Ids {
    fn getuid(&self) -> u32;
    fn geteuid(&self) -> u32;
    fn getgid(&self) -> u32;
    fn getegid(&self) -> u32;
}

impl Ids for secure_exec_kernel::Process {
    fn getuid(&self) -> u32 {
        self.uid()
    }
    fn geteuid(&self) -> u32 {
        self.euid()
    }
    fn getgid(&self) -> u32 {
        self.gid()
    }
    fn getegid(&self) -> u32 {
        self.egid()
    }
}

id_getter!(getuid);
id_getter!(geteuid);
id_getter!(getgid);
id_getter!(getegid);

fn getgroups(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    // The effective group is always part of the list, as Node makes sure.
    let mut groups = process.groups().to_vec();
    if !groups.contains(&process.egid()) {
        groups.push(process.egid());
    }
    let groups: Vec<v8::Local<v8::Value>> = groups
        .into_iter()
        .map(|gid| v8::Integer::new_from_unsigned(scope, gid).into())
        .collect();
    rv.set(v8::Array::new_with_elements(scope, &groups).into());
}

/// Which database a name is looked up in.
#[derive(Clone, Copy)]
enum Database {
    Users,
    Groups,
}

/// A numeric id as it is, a name by the guest's databases; `None` for an unknown name.
fn resolve(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    database: Database,
) -> Option<u32> {
    if value.is_uint32() {
        return value.uint32_value(scope);
    }
    let process = Env::of(scope).try_process()?;
    let name = value.to_rust_string_lossy(scope).into_bytes();
    match database {
        Database::Users => passwd::user_by_name(&process, &name).map(|user| user.uid),
        Database::Groups => passwd::group_by_name(&process, &name),
    }
}

/// Whether a number is a user's.
fn is_user(scope: &mut v8::PinScope<'_, '_>, user: v8::Local<'_, v8::Value>) -> bool {
    let process = Env::of(scope).try_process();
    let id = user.uint32_value(scope);
    process
        .zip(id)
        .is_some_and(|(process, id)| passwd::user_by_id(&process, id).is_some())
}

/// Sets an id: 1 for an unknown name (the library reports it), an exception when it may not be set.
fn set_id(scope: Scope, args: &Args, rv: &mut Return, database: Database, syscall: &str) {
    let Some(process) = Env::of(scope).try_process() else {
        return;
    };
    let Some(id) = resolve(scope, args.get(0), database) else {
        rv.set_uint32(1);
        return;
    };
    let own = match database {
        Database::Users => [process.uid(), process.euid()],
        Database::Groups => [process.gid(), process.egid()],
    };
    if own.contains(&id) {
        rv.set_uint32(0);
    } else {
        throw(scope, Errno::EPERM, syscall);
    }
}

fn throw(scope: &mut v8::PinScope<'_, '_>, errno: Errno, syscall: &str) {
    // Node's `ErrnoException` has the form and wording of the C library.
    let mut text = errno.message().to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let message = format!("{}, {text}", errno.name());
    let error = exception::new_error(scope, exception::ErrorKind::Error, errno.name(), &message);
    if let Ok(object) = v8::Local::<v8::Object>::try_from(error) {
        let number = v8::Integer::new(scope, errno.raw()).into();
        crate::js::convert::set(scope, object, "errno", number);
        let syscall = exception::string(scope, syscall).into();
        crate::js::convert::set(scope, object, "syscall", syscall);
    }
    scope.throw_exception(error);
}

fn setuid(scope: Scope, args: Args, mut rv: Return) {
    set_id(scope, &args, &mut rv, Database::Users, "setuid");
}

fn seteuid(scope: Scope, args: Args, mut rv: Return) {
    set_id(scope, &args, &mut rv, Database::Users, "seteuid");
}

fn setgid(scope: Scope, args: Args, mut rv: Return) {
    set_id(scope, &args, &mut rv, Database::Groups, "setgid");
}

fn setegid(scope: Scope, args: Args, mut rv: Return) {
    set_id(scope, &args, &mut rv, Database::Groups, "setegid");
}

/// Index + 1 of the first unknown group, else `EPERM`: only a privileged process may change its groups.
fn setgroups(scope: Scope, args: Args, mut rv: Return) {
    let Ok(groups) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "groups must be an array");
        return;
    };
    for index in 0..groups.length() {
        let Some(group) = groups.get_index(scope, index) else {
            return;
        };
        if resolve(scope, group, Database::Groups).is_none() {
            rv.set_uint32(index + 1);
            return;
        }
    }
    throw(scope, Errno::EPERM, "setgroups");
}

/// 1 for an unknown user, 2 for an unknown group, else `EPERM`. As Node does it, only a number is looked up as a user; a name
/// is the C library's to know.
fn initgroups(scope: Scope, args: Args, mut rv: Return) {
    let user = args.get(0);
    if user.is_uint32() && !is_user(scope, user) {
        rv.set_uint32(1);
    } else if resolve(scope, args.get(1), Database::Groups).is_none() {
        rv.set_uint32(2);
    } else {
        throw(scope, Errno::EPERM, "initgroups");
    }
}
