//! Rows of places, benches, teams and duty before they are entered.

use super::{Said, Scales};
use crate::{
    domain::{Bench, DoctorId, Duty, Place, Registered, RowError, TeamOf},
    store::{RegistryKey, StoreError},
};

/// Steps up the tree that are walked: more is a circle.
const TREE_MAX: usize = 8;

fn refused(error: RowError) -> Said {
    Ok(Err(vec![error]))
}

impl Scales<'_> {
    /// A place lies within one that is there, of a higher kind, and never within itself.
    pub(super) fn place(&self, row: &Place) -> Said {
        if row.parent.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let Some(Registered::Place(parent)) = self.in_force(&RegistryKey::place(&row.parent))?
        else {
            let words = ("没有该上级地点：先登记上级", "no such place: enter the parent first");
            return refused(RowError::new("parent", "parent_missing", words));
        };
        let mut next = parent.parent.clone();
        for step in 0.. {
            if next == row.place || step >= TREE_MAX {
                return refused(RowError::own_ancestor());
            }
            let Some(Registered::Place(above)) = self.in_force(&RegistryKey::place(&next))? else {
                break;
            };
            next = above.parent;
        }
        if parent.kind <= row.kind {
            let (own, other) = (row.kind.as_str(), parent.kind.as_str());
            let words = (
                format!("{own} 不能在 {other} 之下"),
                format!("a {own} does not lie within a {other}"),
            );
            return refused(RowError::new("parent", "parent_kind", words));
        }
        Ok(Ok(Vec::new()))
    }

    /// A bench stands at a site.
    pub(super) fn bench(&self, row: &Bench) -> Said {
        let words = ("没有该站点", "no such site is registered");
        let missing = self.in_force(&RegistryKey::Site(row.site.clone()))?.is_none();
        Ok(if missing {
            Err(vec![RowError::new("site", "site_unknown", words)])
        } else {
            Ok(Vec::new())
        })
    }

    /// A team is made of doctors who are there, each of their own step, and a place has one.
    pub(super) fn team(&self, row: &TeamOf) -> Said {
        for (step, column, doctor) in row.members() {
            let Some(Registered::Doctor(known)) = self.doctor(doctor)? else {
                return refused(unknown_doctor(column, doctor));
            };
            if known.level != step {
                let words = (
                    format!("医生 {doctor} 不是这一级"),
                    format!("doctor {doctor} is of another level"),
                );
                return refused(RowError::new(column, "doctor_level", words));
            }
        }
        let key = RegistryKey::Other("team", row.team.clone());
        let others = self.sent.iter().filter(|(of, _)| **of != key).map(|(_, row)| row);
        let teams =
            others.filter_map(
                |other| {
                    if let Registered::Team(other) = other { Some(other) } else { None }
                },
            );
        let here = teams.filter(|other| other.place == row.place);
        let sent = here.map(|other| other.team.clone());
        let stored = self.shared.reader.team_of(&row.place)?.map(|it| it.team);
        let replaced = |team: &smol_str::SmolStr| {
            let sent = self.sent.get(&RegistryKey::Other("team", team.clone()));
            sent.is_some_and(|it| !matches!(it, Registered::Team(it) if it.place == row.place))
        };
        let stored = stored.filter(|team| *team != row.team && !replaced(team));
        Ok(match sent.chain(stored).next() {
            Some(other) => {
                let words = (
                    format!("该地点已有团队 {other}"),
                    format!("the place has team {other} already"),
                );
                Err(vec![RowError::new("place", "place_has_team", words)])
            }
            None => Ok(Vec::new()),
        })
    }

    /// One doctor is on duty at a site or for a place at any instant.
    pub(super) fn duty(&self, row: &Duty) -> Said {
        let Some(doctor) = &row.doctor else { return Ok(Ok(Vec::new())) };
        if self.doctor(doctor)?.is_none() {
            return refused(unknown_doctor("doctor", doctor));
        }
        let own = |duty: &Duty| duty.span.from == row.span.from;
        let key = |duty: &Duty| RegistryKey::of(&Registered::Duty(duty.clone()));
        let stored = self.shared.reader.duties_of(&row.site_or_place)?;
        let stored = stored.into_iter().filter(|duty| !self.sent.contains_key(&key(duty)));
        let sent = self.sent.values().filter_map(|sent| {
            if let Registered::Duty(duty) = sent { Some(duty.clone()) } else { None }
        });
        let sent = sent.filter(|duty| duty.site_or_place == row.site_or_place);
        let overlaps =
            |duty: &Duty| !own(duty) && duty.doctor.is_some() && duty.span.overlaps(row.span);
        Ok(match stored.chain(sent).find(overlaps) {
            Some(other) => {
                let from = other.span.written().0;
                let words = (
                    format!("与从 {from} 开始的值班重叠"),
                    format!("overlaps the turn that begins {from}"),
                );
                Err(vec![RowError::new("from", "duty_overlaps", words)])
            }
            None => Ok(Vec::new()),
        })
    }

    fn doctor(&self, doctor: &DoctorId) -> Result<Option<Registered>, StoreError> {
        self.in_force(&RegistryKey::Doctor(doctor.clone()))
    }
}

fn unknown_doctor(column: &'static str, doctor: &DoctorId) -> RowError {
    let words = (format!("名册中没有医生 {doctor}"), format!("no doctor {doctor} is registered"));
    RowError::new(column, "doctor_unknown", words)
}
