//! What admission must know of devices: their models and sites, read from the registry and kept in
//! memory. A follower: it may lag behind an import by a moment, and then refuses nothing that it
//! would not refuse for an unregistered device.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::sync::watch;
use tracing::warn;

use crate::{
    domain::{Device, DeviceId, Registered},
    store::{CommitSeq, Reader, StoreError, view::Paging},
    supervise::Stop,
};

/// Registered devices by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct DeviceBook(Arc<RwLock<HashMap<DeviceId, Arc<Device>>>>);

impl DeviceBook {
    /// The device, if it is registered.
    #[must_use]
    pub fn get(&self, device: &DeviceId) -> Option<Arc<Device>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(device).cloned()
    }

    /// Reads every device anew. Blocks.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn load(&self, reader: &dyn Reader) -> Result<(), StoreError> {
        let mut devices = HashMap::new();
        let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
        loop {
            let page = reader.registry("device", &paging)?;
            for row in page.items {
                if let Registered::Device(device) = row {
                    devices.insert(device.device.clone(), Arc::new(device));
                }
            }
            match page.next {
                Some(next) => paging.after = Some(next),
                None => break,
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = devices;
        Ok(())
    }

    /// Reads the devices again whenever rows entered the registry.
    pub async fn follow(
        self,
        reader: Arc<dyn Reader>,
        mut registered: watch::Receiver<CommitSeq>,
        stop: Stop,
    ) {
        loop {
            tokio::select! {
                () = stop.wait() => return,
                changed = registered.changed() => if changed.is_err() { return },
            }
            let (book, reader) = (self.clone(), Arc::clone(&reader));
            match tokio::task::spawn_blocking(move || book.load(reader.as_ref())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "the device book is out of date"),
                Err(error) => warn!(%error, "the device book is out of date"),
            }
        }
    }
}
