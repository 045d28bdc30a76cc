//! What a made-up fleet shows of itself over TLS: each van a certificate of its own key, by the authority of
//! the centre's own folder.

use std::{path::Path, sync::Arc};

use rustls::{ClientConfig, RootCertStore};

use crate::{
    cli::Failure,
    domain::{BoxId, Clock, Timestamp},
    enrol::{Authority, BOX_DAYS, Serial, Span},
    tls,
    uplink::{GatewayKey, signer},
};

/// Who certifies the fleet.
#[derive(Debug)]
pub(super) struct Shown {
    authority: Authority,
    roots: RootCertStore,
    now: Timestamp,
}

impl Shown {
    /// By the authority of a centre's store, made where it is missing.
    pub(super) fn of(store: &Path) -> Result<Self, Failure> {
        let now = Clock::system().now();
        let authority = Authority::open(store, now).map_err(|error| Failure::of(&error))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone()).map_err(|error| Failure::of(&error))?;
        Ok(Self { authority, roots, now })
    }

    /// What one van connects with.
    pub(super) fn tls(
        &self,
        name: &BoxId,
        key: &Arc<GatewayKey>,
    ) -> Result<Arc<ClientConfig>, Failure> {
        let span = Span::of_days(BOX_DAYS, self.now);
        let certificate = self
            .authority
            .for_box((name, &key.public()), Serial::random()?, span)
            .map_err(|error| Failure::of(&error))?;
        tls::as_box(self.roots.clone(), vec![certificate], signer(Arc::clone(key)))
            .map_err(|error| Failure::of(&error))
    }
}
