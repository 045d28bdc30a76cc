//! Who answers for a person, in which order (1+3: village, township, county, city).

use crate::domain::{CareLevel, Doctor, DoctorId};

/// The doctors of one household, at most one a step, in the order in which they are asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Team {
    doctors: Vec<Doctor>,
    /// The assistance office of the place.
    office: Option<Doctor>,
}

impl Team {
    /// A team of the doctor who signed for the household and of those whose place contains its
    /// village; of several at one level the first by name answers.
    #[must_use]
    pub fn new(contracted: Option<Doctor>, above: Vec<Doctor>) -> Self {
        let (offices, mut doctors): (Vec<Doctor>, Vec<Doctor>) =
            above.into_iter().partition(Doctor::is_office);
        let office = offices
            .into_iter()
            .min_by(|left, right| (left.level, &left.doctor).cmp(&(right.level, &right.doctor)));
        let contracted = contracted.filter(|doctor| !doctor.is_office());
        doctors
            .sort_by(|left, right| (left.level, &left.doctor).cmp(&(right.level, &right.doctor)));
        if let Some(contracted) = contracted {
            doctors.retain(|doctor| {
                doctor.level > contracted.level && doctor.doctor != contracted.doctor
            });
            doctors.insert(0, contracted);
        }
        doctors.dedup_by_key(|doctor| doctor.level);
        Self { doctors, office }
    }

    /// The first who is asked: with nobody at a step, the next one at once.
    #[must_use]
    pub fn first(&self) -> Option<&Doctor> {
        self.doctors.first()
    }

    /// The assistance office of the place, which is told of PR-1 and PR-2.
    #[must_use]
    pub const fn office(&self) -> Option<&Doctor> {
        self.office.as_ref()
    }

    /// Who is asked after a step.
    #[must_use]
    pub fn after(&self, step: CareLevel) -> Option<&Doctor> {
        self.doctors.iter().find(|doctor| doctor.level > step)
    }

    /// A member by name.
    #[must_use]
    pub fn member(&self, name: &DoctorId) -> Option<&Doctor> {
        self.doctors.iter().find(|doctor| doctor.doctor == *name)
    }
}
