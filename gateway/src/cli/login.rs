//! Who may come in by MQTT, and what they may do there.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use smol_str::SmolStr;

use super::pieces::Core;
use crate::{
    domain::{BoxId, BoxState, DeviceId, DoctorId, Neighbour, Registered, Site, SiteId},
    intake::{
        Identity, Rights, Sites,
        mqtt::{self, Door, Login, LoginError},
    },
    store::{RegistryKey, Role, StoreError, TokenRow, view::Scope},
    uplink::PublicKey,
};

/// Checks log-ins: a box by the key of its certificate, else the name of a device, a site or a doctor,
/// and a token. In `--dev` and `demo` everybody without a certificate may come in.
pub(super) fn authenticate(core: &Arc<Core>) -> mqtt::Authenticate {
    let core = Arc::clone(core);
    Arc::new(move |login: Login| -> BoxFuture<'static, Result<Identity, LoginError>> {
        let core = Arc::clone(&core);
        Box::pin(async move {
            let certified = matches!(login.door, Door::Tls(Some(_)));
            if core.practice && !certified {
                let name = login.user.map_or_else(|| SmolStr::new(&login.client_id), SmolStr::from);
                return Ok(Identity { name, rights: Rights::Anyone, token: None });
            }
            let checked = tokio::task::spawn_blocking(move || check_login(&core, &login)).await;
            checked.map_err(|_ended| LoginError::Unavailable)?
        })
    })
}

fn check_login(core: &Core, login: &Login) -> Result<Identity, LoginError> {
    if let Door::Tls(Some(key)) = &login.door {
        return certified(core, key);
    }
    let (Some(user), Some(password)) = (&login.user, &login.password) else {
        return Err(LoginError::WrongCredentials);
    };
    let row = core
        .reader
        .token(blake3::hash(password).as_bytes())
        .map_err(|_store| LoginError::Unavailable)?
        .filter(|row| row.revoked_at.is_none())
        .ok_or(LoginError::WrongCredentials)?;
    let rights = rights(core, user, &row)?;
    // Over TLS a box is who its certificate's key is, and nobody without one.
    if login.door != Door::Plain && neighbour(core, user)?.is_some() {
        return Err(LoginError::NotAuthorized);
    }
    Ok(Identity { name: SmolStr::new(user), rights, token: Some(row.hash) })
}

/// Who proved to have a key: the box whose row in force holds it, whatever it says of itself.
fn certified(core: &Core, key: &PublicKey) -> Result<Identity, LoginError> {
    let row = core.boxes.of(key, core.reader.as_ref()).map_err(|_store| LoginError::Unavailable)?;
    let row = row.ok_or(LoginError::NotAuthorized)?;
    let name = DeviceId::new(row.name.as_str()).map_err(|_name| LoginError::NotAuthorized)?;
    let sites = Sites::These(row.site.into_iter().collect());
    let called = SmolStr::new(name.as_str());
    Ok(Identity { name: called, rights: Rights::Gateway { name, sites }, token: None })
}

fn rights(core: &Core, user: &str, row: &TokenRow) -> Result<Rights, LoginError> {
    let wrong = |_name| LoginError::WrongCredentials;
    match row.role {
        Role::Device => delivering(core, user, row),
        Role::Doctor => {
            let doctor = DoctorId::new(user).map_err(wrong)?;
            if row.doctor.as_ref() == Some(&doctor) {
                Ok(Rights::Doctor(doctor))
            } else {
                Err(LoginError::NotAuthorized)
            }
        }
        Role::Operator if !core.separate_powers => Ok(Rights::Operator),
        Role::Operator
        | Role::Team
        | Role::System
        | Role::Security
        | Role::Nurse
        | Role::Township
        | Role::County
        | Role::Auditor
        | Role::Wall
        | Role::Assistant => Err(LoginError::NotAuthorized),
    }
}

/// What a token of a device lets `user` send: as that device, or as the gateway of that site.
fn delivering(core: &Core, user: &str, row: &TokenRow) -> Result<Rights, LoginError> {
    let wrong = |_name| LoginError::WrongCredentials;
    let holds = |place: &str, site: &SiteId| core.reader.has_site(place, site);
    let device = DeviceId::new(user).map_err(wrong)?;
    if row.device.as_ref().is_some_and(|bound| *bound != device) {
        return Err(LoginError::NotAuthorized);
    }
    if let Some(registered) = core.book.get(&device) {
        let site = registered.site.clone();
        within(row.place.as_deref(), site.as_ref(), holds)?;
        let sites = site.map_or(Sites::Any, |site| Sites::These([site].into()));
        return Ok(Rights::Device { device, sites, bench: registered.bench.clone() });
    }
    if let Some(below) = neighbour(core, user)? {
        // A box is who its own token is bound to, and one that was withdrawn is nobody.
        let own = row.device.is_some() && below.state == BoxState::Enabled;
        let sites = Sites::These(below.site.into_iter().collect());
        return if own {
            Ok(Rights::Gateway { name: device, sites })
        } else {
            Err(LoginError::NotAuthorized)
        };
    }
    let site = SiteId::new(user).map_err(wrong)?;
    site_of(core, &site)?.ok_or(LoginError::NotAuthorized)?;
    within(row.place.as_deref(), Some(&site), holds)?;
    Ok(Rights::Gateway { name: device, sites: Sites::These([site].into()) })
}

/// The gateway below of that name.
fn neighbour(core: &Core, user: &str) -> Result<Option<Neighbour>, LoginError> {
    let Ok(name) = BoxId::new(user) else { return Ok(None) };
    let known = core.reader.registered(&Scope::Everything, &RegistryKey::neighbour(&name));
    let row = known.map_err(|_store| LoginError::Unavailable)?;
    Ok(if let Some(Registered::Box(row)) = row { Some(row) } else { None })
}

fn site_of(core: &Core, site: &SiteId) -> Result<Option<Site>, LoginError> {
    let known = core.reader.registered(&Scope::Everything, &RegistryKey::Site(site.clone()));
    let row = known.map_err(|_store| LoginError::Unavailable)?;
    Ok(if let Some(Registered::Site(site)) = row { Some(site) } else { None })
}

/// Whether the place that a token is bound to is a site, or holds it.
fn within(
    place: Option<&str>,
    site: Option<&SiteId>,
    holds: impl FnOnce(&str, &SiteId) -> Result<bool, StoreError>,
) -> Result<(), LoginError> {
    let Some(place) = place else { return Ok(()) };
    let site = site.ok_or(LoginError::NotAuthorized)?;
    let inside =
        site.as_str() == place || holds(place, site).map_err(|_store| LoginError::Unavailable)?;
    if inside { Ok(()) } else { Err(LoginError::NotAuthorized) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Within;

    /// A van of a township, if its site is registered.
    #[track_caller]
    fn check(place: Option<&str>, known: bool, expected: bool) {
        let id = SiteId::new("van01").unwrap();
        let answer = within(place, Some(&id), |place, _van| {
            Ok(known && Within::of(place, [].iter()).holds(["", "Qingshi", "Yun"]))
        });
        assert_eq!(answer.is_ok(), expected, "{place:?}");
    }

    #[test]
    fn a_token_of_a_place_lets_in_only_what_stands_there() {
        check(None, true, true);
        check(None, false, true);
        for place in ["van01", "Qingshi", "Yun"] {
            check(Some(place), true, true);
        }
        check(Some("van01"), false, true);
        check(Some("Qingshi"), false, false);
        for place in ["van02", "Other", "North", ""] {
            check(Some(place), true, false);
        }
    }

    #[test]
    fn a_token_of_a_place_lets_in_nothing_that_stands_nowhere() {
        let everything = |_: &str, _: &SiteId| Ok(true);
        assert_eq!(within(Some("Qingshi"), None, everything), Err(LoginError::NotAuthorized));
        assert_eq!(within(None, None, everything), Ok(()));
    }
}
