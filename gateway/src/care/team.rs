//! Who answers for a person, in which order (1+3: village, township, county, city).

use crate::domain::{CareLevel, Doctor, DoctorId};

/// The doctors of one household, at most one a step, in the order in which they are asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Team(Vec<Doctor>);

impl Team {
    /// A team of the doctor who signed for the household and of those whose place contains its
    /// village; of several at one level the first by name answers.
    #[must_use]
    pub fn new(contracted: Option<Doctor>, above: Vec<Doctor>) -> Self {
        let mut doctors = above;
        doctors
            .sort_by(|left, right| (left.level, &left.doctor).cmp(&(right.level, &right.doctor)));
        if let Some(contracted) = contracted {
            doctors.retain(|doctor| {
                doctor.level > contracted.level && doctor.doctor != contracted.doctor
            });
            doctors.insert(0, contracted);
        }
        doctors.dedup_by_key(|doctor| doctor.level);
        Self(doctors)
    }

    /// The first who is asked: with nobody at a step, the next one at once.
    #[must_use]
    pub fn first(&self) -> Option<&Doctor> {
        self.0.first()
    }

    /// Who is asked after a step.
    #[must_use]
    pub fn after(&self, step: CareLevel) -> Option<&Doctor> {
        self.0.iter().find(|doctor| doctor.level > step)
    }

    /// A member by name.
    #[must_use]
    pub fn member(&self, name: &DoctorId) -> Option<&Doctor> {
        self.0.iter().find(|doctor| doctor.doctor == *name)
    }
}
