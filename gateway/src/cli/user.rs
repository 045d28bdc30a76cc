//! `user …`: who may sign in with a password. A password is read from the terminal, without showing
//! it, or from standard input; never from an argument, which every process of the machine could read.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    os::fd::AsFd,
    path::PathBuf,
};

use clap::Subcommand;
use hyper::Method;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::{Value, json};

use super::{Common, Failure, admin::Admin, registry::escaped};
use crate::store::Role;

/// Longest line that is read as a password.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// Accounts asked for at once.
const PAGE: usize = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make an account; its owner replaces the password at the first sign-in
    Add {
        /// The name to sign in with
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
        /// The place it is bound to; for role team the team's name
        #[arg(long, value_name = "PLACE")]
        scope: Option<String>,
        /// The doctor whose account it is
        #[arg(long, value_name = "ID")]
        doctor: Option<String>,
        /// What people call its owner
        #[arg(long, value_name = "TEXT")]
        called: Option<String>,
        #[command(flatten)]
        vouched: AddVouched,
        #[command(flatten)]
        folder: Folder,
    },
    /// List accounts, one JSON object a line
    List {
        #[command(flatten)]
        folder: Folder,
    },
    /// Choose another password for somebody, who replaces it at the next sign-in
    Passwd {
        /// The account
        name: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// Make a new second factor, and print it once
    Totp {
        /// The account
        name: String,
        /// Make none: the next sign-in sets it up
        #[arg(long)]
        forget: bool,
        #[command(flatten)]
        folder: Folder,
    },
    /// Give an account another role, place or doctor
    Role {
        /// The account
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
        /// The place it is bound to; for role team the team's name
        #[arg(long, value_name = "PLACE")]
        scope: Option<String>,
        /// The doctor whose account it is
        #[arg(long, value_name = "ID")]
        doctor: Option<String>,
        #[command(flatten)]
        folder: Folder,
    },
    /// Let the identity provider vouch for the owner: for whoever signs in there first by this name
    Oidc {
        /// The account
        name: String,
        /// The provider's name for the owner (`sub`): for nobody else, from now on
        #[arg(long, value_name = "SUBJECT")]
        subject: Option<String>,
        /// No more
        #[arg(long, conflicts_with = "subject")]
        forget: bool,
        #[command(flatten)]
        folder: Folder,
    },
    /// Let nobody sign in; open sessions end with their next request
    Disable {
        /// The account
        name: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// Let its owner sign in again, at once, whatever was tried against it
    Enable {
        /// The account
        name: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// List open sessions of accounts, one JSON object a line
    Sessions {
        #[command(flatten)]
        folder: Folder,
    },
    /// End every session of an account
    Revoke {
        /// The account
        name: String,
        #[command(flatten)]
        folder: Folder,
    },
}

/// Whether an account has no password.
#[derive(Debug, clap::Args)]
pub(crate) struct AddVouched {
    /// No password: the identity provider vouches for whoever signs in there first by this name
    #[arg(long)]
    oidc: bool,
    /// The provider's name for the owner (`sub`): for nobody else
    #[arg(long, value_name = "SUBJECT", requires = "oidc")]
    subject: Option<String>,
}

/// Where the store is.
#[derive(Debug, clap::Args)]
pub(crate) struct Folder {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// `user …`.
pub(super) fn run(
    command: &UserCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let connect = |folder: &Folder| Admin::connect(common, folder.data_dir.as_deref());
    let plain = |name: &str, act: &str| json!({"name": name, "act": act});
    match command {
        UserCommand::Add { name, role, scope, doctor, called, vouched, folder } => {
            let AddVouched { oidc, subject } = vouched;
            let password = if *oidc { None } else { Some(password(name)?) };
            let body = json!({"name": name, "role": role.as_str(), "scope": scope,
                "doctor": doctor, "called": called, "password": password,
                "oidc": oidc, "subject": subject});
            let mut admin = connect(folder)?;
            let made = admin.call(Method::POST, "/admin/users", body.to_string())?;
            writeln!(out, "{made}")?;
            Ok(())
        }
        UserCommand::List { folder } => list(&mut connect(folder)?, out),
        UserCommand::Sessions { folder } => {
            let open =
                connect(folder)?.call(Method::GET, "/admin/users/sessions", String::new())?;
            print_items(&open, out)
        }
        UserCommand::Passwd { name, folder } => {
            let password = password(name)?;
            let body = json!({"name": name, "act": "passwd", "password": password});
            change(&mut connect(folder)?, &body, out)
        }
        UserCommand::Totp { name, forget, folder } => {
            let act = if *forget { "forget-totp" } else { "totp" };
            change(&mut connect(folder)?, &plain(name, act), out)
        }
        UserCommand::Role { name, role, scope, doctor, folder } => {
            let body = json!({"name": name, "act": "role", "role": role.as_str(),
                "scope": scope, "doctor": doctor});
            change(&mut connect(folder)?, &body, out)
        }
        UserCommand::Oidc { name, subject, forget, folder } => {
            let act = if *forget { "forget-oidc" } else { "oidc" };
            let body = json!({"name": name, "act": act, "subject": subject});
            change(&mut connect(folder)?, &body, out)
        }
        UserCommand::Disable { name, folder } => {
            change(&mut connect(folder)?, &plain(name, "disable"), out)
        }
        UserCommand::Enable { name, folder } => {
            change(&mut connect(folder)?, &plain(name, "enable"), out)
        }
        UserCommand::Revoke { name, folder } => {
            change(&mut connect(folder)?, &plain(name, "revoke"), out)
        }
    }
}

fn change(admin: &mut Admin, body: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let done = admin.call(Method::POST, "/admin/users/change", body.to_string())?;
    let said = |name: &str| done.get(name).and_then(Value::as_str);
    match (said("secret"), said("otpauth")) {
        (Some(secret), Some(otpauth)) => writeln!(out, "{secret}\n{otpauth}")?,
        (Some(_), None) | (None, Some(_)) | (None, None) => {
            writeln!(out, "{}", done.get("account").unwrap_or(&done))?;
        }
    }
    Ok(())
}

fn list(admin: &mut Admin, out: &mut dyn Write) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let path = format!("/admin/users?limit={PAGE}{after}");
        let page = admin.call(Method::GET, &path, String::new())?;
        print_items(&page, out)?;
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={}", escaped(next)),
            None => return Ok(()),
        }
    }
}

fn print_items(page: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
        writeln!(out, "{item}")?;
    }
    Ok(())
}

/// A password: typed twice at a terminal, else the first line of standard input.
fn password(name: &str) -> Result<String, Failure> {
    let input = io::stdin();
    if !input.is_terminal() {
        return line(&mut input.lock());
    }
    let hidden = Hidden::begin(&input)?;
    let typed = ask(&format!("password for {name} / 密码: "), &mut input.lock())?;
    let again = ask("again / 再次输入: ", &mut input.lock())?;
    drop(hidden);
    if typed != again {
        return Err(Failure::Usage("the two passwords differ / 两次输入不一致".to_owned()));
    }
    Ok(typed)
}

fn ask(question: &str, input: &mut dyn BufRead) -> Result<String, Failure> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question}")?;
    terminal.flush()?;
    let typed = line(input);
    writeln!(terminal)?;
    typed
}

fn line(input: &mut dyn BufRead) -> Result<String, Failure> {
    let mut text = String::new();
    io::Read::take(input, PASSWORD_BYTES_MAX).read_line(&mut text)?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        let why = "no password was given: type it, or send it to standard input / 未输入密码";
        return Err(Failure::Usage(why.to_owned()));
    }
    Ok(text.to_owned())
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden {
    was: Termios,
}

impl Hidden {
    fn begin(input: &io::Stdin) -> Result<Self, Failure> {
        let was = tcgetattr(input.as_fd()).map_err(|error| Failure::of(&error))?;
        let mut hidden = was.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(input.as_fd(), OptionalActions::Flush, &hidden)
            .map_err(|error| Failure::of(&error))?;
        Ok(Self { was })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.was) {
            // A terminal that is gone shows nothing either.
            tracing::debug!(%error, "the terminal stays as it is");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &str, expected: Option<&str>) {
        assert_eq!(line(&mut sent.as_bytes()).ok().as_deref(), expected, "{sent:?}");
    }

    #[test]
    fn a_password_is_the_first_line_as_it_stands() {
        check("Bridge 2026!\nsecond\n", Some("Bridge 2026!"));
        check("大河村 Bridge\r\n", Some("大河村 Bridge"));
        check(" with spaces ", Some(" with spaces "));
        check("\n", None);
        check("", None);
    }
}
