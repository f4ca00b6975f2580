//! The list of all kinds of task: `"name in configs" => Trials(module::Type)` or `Examples(module::Type)`.

/// Defines [`TaskConfig`](super::TaskConfig) and [`Subject`](super::Subject) from the list, and re-exports the types.
macro_rules! task_kinds {
    ($($(#[$description:meta])* $name:literal => $subject:ident($module:ident::$Kind:ident),)*) => {
        $(pub use $module::$Kind;)*

        /// The task section of a config.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(tag = "kind")]
        pub enum TaskConfig {
            $(
                $(#[$description])*
                #[serde(rename = $name)]
                $Kind($Kind),
            )*
        }

        /// A task section by its content: random trials or labelled examples.
        #[derive(Clone, Copy)]
        pub enum Subject<'a> {
            /// A cognitive task.
            Trials(&'a dyn Task),
            /// A data set.
            Examples(&'a dyn DataSet),
        }

        impl TaskConfig {
            /// Every kind with its default values, in the order of the list.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$Kind($Kind::default())),*]
            }

            /// Name of the kind in configs.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$Kind(_) => $name,)*
                }
            }

            /// The task or the data set itself.
            pub fn subject(&self) -> Subject<'_> {
                match self {
                    $(Self::$Kind(kind) => Subject::$subject(kind),)*
                }
            }
        }
    };
}

pub(super) use task_kinds;
