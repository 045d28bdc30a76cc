//! How many heaps the C library keeps for this process.
//!
//! It gives threads heaps of their own, up to eight for each core, and what one thread frees in another's
//! heap stays there: a van whose limit is 32 MiB held 2.8 MiB so, for nothing. The number is read before a
//! process begins, so this one starts itself once more with it: same process id, same files, same settings.

use std::{
    env,
    io::{self, Write},
    os::unix::process::CommandExt,
    process::Command,
};

/// Where the C library reads it (`mallopt(3)`, section "Environment variables"); whoever sets it has the last word.
const VARIABLE: &str = "MALLOC_ARENA_MAX";

/// One for the writer and one for everybody else: with two, taking in readings is as fast as with sixteen.
const HEAPS: &str = "2";

/// Sees to it that this process has few heaps. Where the system does not let a process start itself
/// again, it says so and goes on with more memory.
pub fn few() {
    if env::var_os(VARIABLE).is_some() {
        return;
    }
    let mut given = env::args_os();
    let name = given.next().unwrap_or_else(|| "xunzhen".into());
    let error = match env::current_exe() {
        Ok(program) => Command::new(program).arg0(name).args(given).env(VARIABLE, HEAPS).exec(),
        Err(error) => error,
    };
    // With nobody at the other end there is nobody to tell.
    drop(writeln!(io::stderr(), "{VARIABLE}={HEAPS} 未能设置 / was not set: {error}"));
}
