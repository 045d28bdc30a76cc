//! Norm profiles: where the published norms differ, each is a pack of its own, by name.

/// A norm that a deployment may choose (LINES section 5, conflict 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// The national basic public-health service norm, third edition, 2017: what doctors are audited
    /// on. The built-in pack follows it; tracked cohorts have their earlier line in every profile.
    Nbphs3,
    /// The Chinese hypertension guideline of 2024.
    Guideline2024,
    /// The national primary-care hypertension guideline of 2025.
    PrimaryCare2025,
}

impl Norm {
    /// Every norm.
    pub const ALL: [Self; 3] = [Self::Nbphs3, Self::Guideline2024, Self::PrimaryCare2025];

    /// Its name, wherever the file of a pack may be named.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nbphs3 => "nbphs-3",
            Self::Guideline2024 => "guideline-2024",
            Self::PrimaryCare2025 => "primary-care-2025",
        }
    }

    /// The norm of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|norm| norm.name() == name)
    }

    /// Its keys, to be laid over the built-in pack.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Nbphs3 => include_str!("../../../clinical/nbphs-3.json"),
            Self::Guideline2024 => include_str!("../../../clinical/guideline-2024.json"),
            Self::PrimaryCare2025 => include_str!("../../../clinical/primary-care-2025.json"),
        }
    }
}
