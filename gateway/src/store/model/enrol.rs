//! One-time codes for boxes, and their certificates, from memory.

use super::{reader::ModelReader, state::State};
use crate::{
    domain::BoxId,
    store::{BoxCertificate, BoxChange, BoxCode, BoxReader, StoreError},
};

pub(super) fn apply(state: &mut State, change: &BoxChange) {
    match change {
        BoxChange::Code(code) => {
            state.box_codes.insert(code.name.clone(), BoxCode::clone(code));
        }
        BoxChange::Certificate(made) => {
            state.box_certificates.insert(made.name.clone(), BoxCertificate::clone(made));
        }
    }
}

impl BoxReader for ModelReader {
    fn box_code(&self, name: &BoxId) -> Result<Option<BoxCode>, StoreError> {
        Ok(self.shared().now().box_codes.get(name).cloned())
    }

    fn box_certificate(&self, name: &BoxId) -> Result<Option<BoxCertificate>, StoreError> {
        Ok(self.shared().now().box_certificates.get(name).cloned())
    }

    fn boxes(&self, after: &str, limit: usize) -> Result<Vec<BoxId>, StoreError> {
        let state = self.shared().now();
        let mut names: Vec<_> =
            state.box_codes.keys().chain(state.box_certificates.keys()).cloned().collect();
        names.sort();
        names.dedup();
        names.retain(|name| name.as_str() > after);
        names.truncate(limit);
        Ok(names)
    }
}
