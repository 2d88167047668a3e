//! A guide for those who use the crate, and pages for those who read or extend it.

pub mod guide {
    //! Short pages with complete programs. They use [`Device::cpu`](crate::Device::cpu), so they need no GPU; replace it with
    //! [`Device::auto`](crate::Device::auto) to use a GPU where there is one.
    //!
    //! | page | for |
    //! |---|---|
    //! | [first net](first_net) | building, training, evaluating, predicting; Keras' and PyTorch's words |
    //! | [training] | rare classes and weights, frozen layers, learning rates that fall when learning stalls |
    //! | [own data](own_data) | CSV files, arrays, splits, predictions in the data's own units |
    //! | [more data than memory holds](big_data) | sources that read rows when they are needed: files, streams of your own |
    //! | [rule and L](rule_and_l) | when to rotate, and with which options |
    //! | [other ways](other_ways) | to keep gradients alive: normalisation of weights, batches and rows, LSUV, SELU |
    //! | [criticality] | why deep nets of saturating neurons stop learning, and how to see it before training |
    //! | [scaling and ranges](scaling) | why the range of the inputs matters, and what to do about it |
    //! | [images] | convolutions, augmentation, folders of images |
    //! | [sequences] | recurrent layers, padding and masks, a target per time step |
    //! | [forecasting] | windows over time series, horizons, forecasts in the data's own units |
    //! | [several GPUs, several machines](several_machines) | processes that share a training, with the bits of one; MPI, Slurm, how far it scales |
    //! | [files] | models, weights and trainings in files, predictions in another program; the format |
    //! | [export] | models for other programs, and from them: ONNX, Keras, PyTorch |
    //! | [own things](own_things) | activations, losses, metrics, optimisers, training loops, layers and kernels of your own |
    //! | [command] | the command `autorot`: training and predicting without Rust |
    //! | [embedding] | training inside a program that owns its wgpu device |
    //! | [when something goes wrong](troubles) | losses that do not fall, numbers that are not finite, devices that fail |

    #[doc = include_str!("guide/first_net.md")]
    pub mod first_net {}

    #[doc = include_str!("guide/training.md")]
    pub mod training {}

    #[doc = include_str!("guide/own_data.md")]
    pub mod own_data {}

    #[doc = include_str!("guide/big_data.md")]
    pub mod big_data {}

    #[doc = include_str!("guide/rule_and_l.md")]
    pub mod rule_and_l {}

    #[doc = include_str!("guide/other_ways.md")]
    pub mod other_ways {}

    #[doc = include_str!("guide/criticality.md")]
    pub mod criticality {}

    #[doc = include_str!("guide/scaling.md")]
    pub mod scaling {}

    #[doc = include_str!("guide/images.md")]
    pub mod images {}

    #[doc = include_str!("guide/sequences.md")]
    pub mod sequences {}

    #[doc = include_str!("guide/forecasting.md")]
    pub mod forecasting {}

    #[cfg(not(target_family = "wasm"))]
    #[doc = include_str!("guide/several_machines.md")]
    pub mod several_machines {}

    #[doc = include_str!("guide/files.md")]
    pub mod files {}

    #[cfg(all(feature = "onnx", feature = "keras"))]
    #[doc = include_str!("guide/export.md")]
    pub mod export {}

    #[doc = include_str!("guide/own_things.md")]
    pub mod own_things {}

    #[doc = include_str!("guide/command.md")]
    pub mod command {}

    #[doc = include_str!("guide/embedding.md")]
    pub mod embedding {}

    #[doc = include_str!("guide/troubles.md")]
    pub mod troubles {}
}

#[doc = include_str!("contents.md")]
pub mod contents {}

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("adding.md")]
pub mod adding {}

#[doc = include_str!("devices.md")]
pub mod devices {}

#[doc = include_str!("faults.md")]
pub mod faults {}

#[doc = include_str!("rejected.md")]
pub mod rejected {}

#[doc = include_str!("rotation.md")]
pub mod rotation {}

#[doc = include_str!("testing.md")]
pub mod testing {}
