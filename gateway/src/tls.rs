//! TLS from files: what our listener shows of itself, and what we want to see of an existing broker.
//!
//! One provider, ring. Nobody is believed whose chain does not end at a certificate that the
//! operator named; names and dates are always checked.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, ConfigBuilder, ConfigSide, RootCertStore, ServerConfig, WantsVerifier,
    WantsVersions,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
};

/// Why TLS cannot be offered, or cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{} is not readable as PEM", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A certificate that should vouch for others cannot.
    #[error("{} holds a certificate that cannot vouch for others", path.display())]
    Root {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Certificate and key do not go together.
    #[error("the certificate and the key cannot be used together")]
    Unusable {
        /// What is wrong with them.
        source: rustls::Error,
    },
}

/// What a listener needs to speak TLS 1.2 and 1.3, with HTTP/2 where the browser asks for it.
///
/// # Errors
/// [`TlsError`] says which file is wrong.
pub fn tls_from_files(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, secret) = chain_and_key(certificate, key)?;
    let mut config = versions(ServerConfig::builder_with_provider)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What a client needs to believe a server whose chain ends at one of the certificates of a file,
/// and nobody else; with a certificate and key of its own where the server asks for them.
///
/// # Errors
/// [`TlsError`] says which file is wrong.
pub fn tls_to_server(
    ca: &Path,
    own: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = roots(ca)?;
    let builder = versions(ClientConfig::builder_with_provider)?.with_root_certificates(roots);
    let config = match own {
        Some((certificate, key)) => {
            let (chain, secret) = chain_and_key(certificate, key)?;
            builder.with_client_auth_cert(chain, secret).map_err(unusable)?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// What a box needs to show itself by its certificate to a server whose chain ends at one of the
/// certificates of a file. TLS 1.3 alone: an earlier version would show the certificate to everybody on
/// the way.
///
/// # Errors
/// [`TlsError`] says which file is wrong; a certificate of another key is.
pub fn tls_as_box(
    ca: &Path,
    certificate: &Path,
    key: Arc<dyn SigningKey>,
) -> Result<Arc<ClientConfig>, TlsError> {
    as_box(roots(ca)?, certificates(certificate)?, key)
}

/// The same from what was read already.
pub(crate) fn as_box(
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let own = CertifiedKey::new(chain, key);
    own.keys_match().map_err(unusable)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    Ok(Arc::new(config))
}

/// Those of a file that others may be believed by.
fn roots(ca: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        let useless = |source| TlsError::Root { path: ca.to_owned(), source };
        roots.add(certificate).map_err(useless)?;
    }
    Ok(roots)
}

/// TLS 1.2 and 1.3 with ring, for either side.
fn versions<S: ConfigSide>(
    side: fn(Arc<rustls::crypto::CryptoProvider>) -> ConfigBuilder<S, WantsVersions>,
) -> Result<ConfigBuilder<S, WantsVerifier>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    side(provider).with_safe_default_protocol_versions().map_err(unusable)
}

/// A certificate chain and its key, from their files.
///
/// # Errors
/// [`TlsError`] says which file is wrong.
pub fn chain_and_key(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    Ok((chain, secret))
}

/// Every certificate of a file, at least one.
///
/// # Errors
/// [`TlsError`] says what is wrong with it.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(file, error))?;
    if found.is_empty() { Err(TlsError::Empty { path: file.to_owned() }) } else { Ok(found) }
}

fn unreadable(path: &Path, error: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), source: io::Error::other(error) }
}

pub(crate) fn unusable(source: rustls::Error) -> TlsError {
    TlsError::Unusable { source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client is told of files with these texts.
    #[track_caller]
    fn check(ca: &str, own: Option<(&str, &str)>, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let ca = write("ca.pem", ca);
        let own = own.map(|(chain, key)| (write("own.pem", chain), write("own.key", key)));
        let own = own.as_ref().map(|(chain, key)| (chain.as_path(), key.as_path()));
        let told = match tls_to_server(&ca, own) {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        let at = format!("{}/", folder.path().display());
        assert_eq!(told.replace(&at, ""), expected);
    }

    #[test]
    fn every_wrong_file_is_named() {
        let one = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (pem, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let foreign = other.signing_key.serialize_pem();
        check(&pem, None, "ok");
        check(&pem, Some((&pem, &key)), "ok");
        check("", None, "ca.pem holds no certificate");
        check(&key, None, "ca.pem holds no certificate");
        check(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            None,
            "ca.pem holds a certificate that cannot vouch for others",
        );
        check(&pem, Some((&pem, "")), "own.key is not readable as PEM");
        check(&pem, Some((&pem, &foreign)), "the certificate and the key cannot be used together");
    }
}
