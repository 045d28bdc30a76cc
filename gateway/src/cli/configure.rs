//! `xunzhen check-config` and `xunzhen config`: every problem at once, and what is in force.

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use zeroize::Zeroizing;

use super::{Common, Failure, boxes, pieces};
use crate::{
    assess::Pack,
    config::{self, BrokerTls, ByHand, Config, Settings, Sources, Uplink, Way},
    domain::BoxId,
    enrol::{Enrolled, Enrolment, client_tls},
    secrets::{self, Secret},
    serve::{Oidc, OidcSettings},
    store::Reader,
    tls,
    uplink::{
        GatewayKey, PublicKey,
        follower::{HttpLine, Line, MqttLine, MqttTo},
        signer,
    },
};

/// The file that is read when none is named and it is there.
const USUAL_FILE: &str = "xunzhen.toml";

/// Check the configuration without starting anything
#[derive(Debug, Clone, clap::Args)]
pub(super) struct CheckConfig {
    /// Do not look at folders and ports
    #[arg(long)]
    no_environment: bool,
}

/// Print configuration
#[derive(Debug, Clone, Subcommand)]
pub(super) enum ConfigCommand {
    /// The default configuration, every key with its purpose
    Default,
    /// The configuration in force
    Show {
        /// Every value and where it comes from
        #[arg(long)]
        effective: bool,
    },
}

/// Reads the configuration with flags laid over it.
pub(super) fn read(
    common: &Common,
    flags: Vec<(&'static str, String)>,
) -> Result<(Config, Settings), Failure> {
    let file = match &common.config {
        Some(path) => Some((path.clone(), text(path)?)),
        None => usual_file()?,
    };
    let environment = std::env::vars().collect();
    let path = file.as_ref().map(|(path, _)| path.clone());
    let read = config::read(&Sources { file, environment, flags });
    if let (Some(path), Ok((_, settings))) = (&path, &read)
        && settings.says_secrets(&path.display().to_string())
    {
        keep_strangers_out(path)?;
    }
    read.map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Failure::Configuration(format!(
            "{} problem(s) in the configuration / 配置有误:\n{}",
            lines.len(),
            lines.join("\n")
        ))
    })
}

/// A file with a password or a token in it must not be everybody's to read. Its group may read it.
fn keep_strangers_out(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o007 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Failure::Configuration(format!(
        "{path} holds a password or a token, and everybody may read it: run chmod o= {path} / \
         配置文件含密码或令牌，且所有用户可读：请执行 chmod o= {path}"
    )))
}

fn usual_file() -> Result<Option<(PathBuf, String)>, Failure> {
    let path = PathBuf::from(USUAL_FILE);
    if path.try_exists()? { Ok(Some((path.clone(), text(&path)?))) } else { Ok(None) }
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::Configuration(format!(
            "cannot read {} / 无法读取配置文件: {error}",
            path.display()
        ))
    })
}

/// `check-config`.
pub(super) fn check(
    command: &CheckConfig,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (config, _) = read(common, Vec::new())?;
    let mut problems = formats(&config);
    if !command.no_environment {
        problems.extend(environment(&config));
    }
    if problems.is_empty() {
        writeln!(out, "the configuration is sound / 配置无误")?;
        return Ok(());
    }
    Err(Failure::Configuration(problems.join("\n")))
}

/// What only the other modules know to be wrong: formats, models, the pack.
pub(super) fn formats(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    for line in &config.serial {
        let known = firmware_protocols::format(&line.format);
        match known {
            None => problems.push(format!(
                "serial.format: {:?}: expected a format that decode --list names / 未知协议",
                line.format
            )),
            Some(format) => {
                if format.is_of_cards() && line.bench.is_none() {
                    problems.push(format!(
                        "serial.bench: missing for {}: a reader of cards needs the bench whose \
                         visits it begins / 读卡器必须写明所在工位 bench",
                        line.device
                    ));
                }
                if let Some(model) = &line.model
                    && !format.models.contains(&model.as_str())
                {
                    problems.push(format!(
                        "serial.model: {model:?}: expected one of {} / 未知型号",
                        format.models.join(", ")
                    ));
                }
            }
        }
    }
    if let Err(refused) = pieces::pack(config.pack_file.as_deref(), Pack::laid_over) {
        problems.push(format!("pack.file: {refused}"));
    }
    let shadow = config.shadow.as_ref().map(|shadow| shadow.pack_file.as_path());
    if let Err(refused) = pieces::pack(shadow, Pack::laid_over) {
        problems.push(format!("pack.shadow: {refused}"));
    }
    problems
}

fn environment(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let tls = config.mqtt.tls.as_ref();
    let plain = [("http.listen", config.http.listen), ("mqtt.listen", config.mqtt.listen)];
    for (key, listen) in plain.into_iter().chain(tls.map(|tls| ("mqtt.tls_listen", tls.listen))) {
        if let Err(error) = TcpListener::bind(listen) {
            problems.push(format!("{key}: cannot listen on {listen}: {error} / 端口不可用"));
        }
    }
    if let Err(error) = std::fs::create_dir_all(&config.store.dir) {
        let dir = config.store.dir.display();
        problems.push(format!("store.dir: cannot use {dir}: {error} / 数据目录不可写"));
    }
    if let Some((certificate, key)) = &config.http.tls
        && let Err(error) = tls::tls_from_files(certificate, key)
    {
        problems.push(format!("http.tls_certificate: {} / 证书不可用", in_full(&error)));
    }
    problems.extend(boxes::check(config));
    match config.uplink.as_ref().map(|uplink| &uplink.by_hand) {
        Some(Some(by_hand)) => {
            problems.extend(token_up(by_hand).err());
            problems.extend(certificate_up(by_hand, &config.store.dir));
        }
        Some(None) => problems.extend(enrolment(config).err()),
        None => problems.extend(enrolled_here(&config.store.dir).err()),
    }
    problems.extend(oidc(config).err());
    if let Some(tls) = config.broker.as_ref().and_then(|broker| broker.tls.as_ref()) {
        problems.extend(broker_tls(tls).err());
    }
    problems
}

/// The identity provider, with what its files hold. It is not asked for anything yet.
pub(super) fn oidc(config: &Config) -> Result<Option<Arc<Oidc>>, String> {
    let Some(oidc) = &config.oidc else { return Ok(None) };
    let secret = oidc.client_secret_file.as_deref().map(client_secret).transpose()?;
    let to_server = |ca: &PathBuf| {
        tls::tls_to_server(ca, None)
            .map_err(|error| format!("oidc.tls_ca: {} / 证书不可用", in_full(&error)))
    };
    let base = config.http.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let settings = OidcSettings {
        issuer: oidc.issuer.clone(),
        client_id: oidc.client_id.clone(),
        client_secret: secret,
        claim: oidc.claim.clone(),
        believes_second_factor: oidc.believes_second_factor,
        acr: oidc.acr.clone(),
        redirect_uri: format!("{base}/login/oidc/back"),
        tls: oidc.tls_ca.as_ref().map(to_server).transpose()?,
    };
    let oidc = Oidc::new(settings).map_err(|error| format!("oidc.issuer: {}", in_full(&error)))?;
    Ok(Some(oidc))
}

/// What we prove to the provider that we are its client by. Nobody else may read it.
fn client_secret(path: &Path) -> Result<Secret<String>, String> {
    let told = |what: &str| format!("oidc.client_secret_file: {}: {what}", path.display());
    let missing = || Err(std::io::ErrorKind::NotFound.into());
    let bytes = secrets::kept(path, missing)
        .map_err(|error| told(&format!("{error} / 密钥文件不可读，或他人可读")))?;
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let secret = text.trim();
    if secret.is_empty() || secret.contains(char::is_whitespace) {
        return Err(told("holds no secret / 文件中没有密钥"));
    }
    if config::is_known_secret(secret) {
        return Err(told("a secret that everybody knows / 人人皆知的密钥"));
    }
    Ok(Secret::new(secret.to_owned()))
}

/// What the gateway above lets us in by. Nobody else may read it.
fn token_up(uplink: &ByHand) -> Result<String, String> {
    let file = uplink.token_file.display();
    let text = std::fs::read_to_string(&uplink.token_file)
        .map_err(|error| format!("uplink.token_file: {file}: {error} / 令牌文件不可读"))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(format!("uplink.token_file: {file} holds no token / 文件中没有令牌"));
    }
    Ok(token.to_owned())
}

/// What TLS to the gateway above needs, where somebody of our own choice vouches for it.
fn tls_up(
    uplink: &ByHand,
    key: &Arc<GatewayKey>,
) -> Result<Option<Arc<rustls::ClientConfig>>, String> {
    let Some(ca) = &uplink.tls_ca else { return Ok(None) };
    let (said, made) = match &uplink.certificate {
        Some(own) => ("uplink.tls_certificate", tls::tls_as_box(ca, own, signer(Arc::clone(key)))),
        None => ("uplink.tls_ca", tls::tls_to_server(ca, None)),
    };
    made.map(Some).map_err(|error| format!("{said}: {} / 证书不可用", in_full(&error)))
}

/// What is wrong with the files of TLS to the gateway above. No key is made for it.
fn certificate_up(uplink: &ByHand, folder: &Path) -> Option<String> {
    match GatewayKey::found(folder) {
        Ok(Some(key)) => tls_up(uplink, &Arc::new(key)).err(),
        Ok(None) if uplink.certificate.is_some() => Some(
            "uplink.tls_certificate: this box has no key yet, run roster key / 本网关尚无密钥，请先运行 roster key".to_owned(),
        ),
        Ok(None) => uplink.tls_ca.as_ref().and_then(|ca| {
            let made = tls::tls_to_server(ca, None);
            made.err().map(|error| format!("uplink.tls_ca: {} / 证书不可用", in_full(&error)))
        }),
        Err(error) => Some(format!("store.dir: {error}")),
    }
}

/// What this box was enrolled with, where an address alone relies on it.
fn enrolment(config: &Config) -> Result<(), String> {
    let found = enrolled_here(&config.store.dir)?;
    if found {
        return Ok(());
    }
    Err("uplink.to: stands alone, and this box was not enrolled: run enrol join, or set \
         uplink.parent_key and uplink.token_file / 本机尚未注册：请先运行 enrol join"
        .to_owned())
}

/// Whether this box was enrolled; what it was enrolled with is of its own key, if it has one already.
fn enrolled_here(folder: &Path) -> Result<bool, String> {
    let told = |error: std::io::Error| damaged(&in_full(&error));
    let Some(key) = GatewayKey::found(folder).map_err(|error| format!("store.dir: {error}"))?
    else {
        return Enrolment::found(folder).map(|found| found.is_some()).map_err(told);
    };
    Enrolled::open(folder, Arc::new(key)).map(|found| found.is_some()).map_err(told)
}

/// What this box was enrolled with cannot be used: nothing goes up by it.
pub(super) fn damaged(why: &str) -> String {
    format!(
        "this box cannot hand up: what it was enrolled with is damaged ({why}); it measures, judges and \
         warns as before and keeps everything; enrol it again: enrol code above, then stop this gateway \
         and run enrol join / 本机无法上传：注册文件已损坏；测量、判断和本地预警照常，数据全部保留；\
         请重新注册：上级运行 enrol code，本机停机后运行 enrol join"
    )
}

/// What this box was enrolled with, where it is of this box.
pub(super) fn enrolled(
    folder: &Path,
    (reader, key): (&dyn Reader, &Arc<GatewayKey>),
) -> Result<Option<Arc<Enrolled>>, String> {
    let found = Enrolled::open(folder, Arc::clone(key)).map_err(|error| in_full(&error))?;
    let Some(enrolled) = found else { return Ok(None) };
    let (name, _) = reader.gateway().map_err(|error| in_full(&error))?;
    let was = enrolled.now().name;
    if was.as_str() != name {
        return Err(format!(
            "this box was enrolled as {was}, and its store is of {name} / 注册的网关名与数据目录不符"
        ));
    }
    Ok(Some(enrolled))
}

/// The line to the gateway above, and whom alone it is to believe.
pub(super) fn line_up(
    uplink: &Uplink,
    enrolled: Option<&Arc<Enrolled>>,
    (reader, key): (&dyn Reader, &Arc<GatewayKey>),
) -> Result<(Box<dyn Line>, PublicKey), String> {
    let (name, _) = reader.gateway().map_err(|error| in_full(&error))?;
    let name = BoxId::new(&name).map_err(|error| in_full(&error))?;
    let (token, tls, above) = match (&uplink.by_hand, enrolled) {
        (Some(by_hand), _) => (token_up(by_hand)?, tls_up(by_hand, key)?, by_hand.parent_key),
        (None, Some(enrolled)) => {
            let held = enrolled.now();
            let tls = client_tls(enrolled).map_err(|error| in_full(&error))?;
            (held.token.expose().clone(), Some(tls), held.parent_key)
        }
        (None, None) => return Err("this box was not enrolled / 本机尚未注册".to_owned()),
    };
    let line: Box<dyn Line> = match &uplink.way {
        Way::Http => {
            let line = HttpLine::new(&uplink.to, token, tls)
                .map_err(|error| format!("uplink.to: {}", in_full(&error)))?;
            Box::new(line)
        }
        Way::Mqtt { host, port, tls: wanted } => {
            let (host, tls) = (host.clone(), tls.filter(|_| *wanted));
            Box::new(MqttLine::new(MqttTo { host, port: *port, tls, name, token }))
        }
    };
    Ok((line, above))
}

/// What TLS to the broker needs, from its files.
pub(super) fn broker_tls(tls: &BrokerTls) -> Result<Arc<rustls::ClientConfig>, String> {
    let own = tls.own.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
    tls::tls_to_server(&tls.ca, own)
        .map_err(|error| format!("broker.tls_ca: {} / 证书不可用", in_full(&error)))
}

pub(super) fn in_full(error: &(dyn std::error::Error + 'static)) -> String {
    Failure::of(error).to_string()
}

/// `config default` and `config show`.
pub(super) fn config(
    command: &ConfigCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        ConfigCommand::Default => write!(out, "{}", config::default_file())?,
        ConfigCommand::Show { .. } => {
            let (_, settings) = read(common, Vec::new())?;
            write!(out, "{}", config::effective(&settings))?;
        }
    }
    Ok(())
}
