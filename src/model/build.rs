//! [`ClusterModel::build`]: from an observation to the model.

use super::ClusterModel;
use crate::observe::Observation;

/// Why no model can be built from an observation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// There is nothing to model.
    #[error("no broker was seen")]
    NoBrokers,
}

impl ClusterModel {
    /// Builds the model.
    ///
    /// # Errors
    /// The observation holds no broker.
    pub fn build(_observation: &Observation) -> Result<Self, ModelError> {
        Err(ModelError::NoBrokers)
    }
}
