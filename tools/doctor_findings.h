/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_findings.h - THE list of what pi0 doctor can find: id, how bad it is, why it matters, what
 * to do. docs/DOCTOR.md has a row for each; a test compares the two. */
#ifndef PI0_TOOLS_DOCTOR_FINDINGS_H
#define PI0_TOOLS_DOCTOR_FINDINGS_H

// error: it does not run, or the actions are wrong. warning: it runs, and may be worse than it
// should. note: good to know
enum severity { FOUND_ERROR, FOUND_WARNING, FOUND_NOTE, SEVERITY_COUNT };

// clang-format off
// X(enum, severity, id, why, what to do)
#define FINDING_TABLE(X)                                                                           \
    /* ---- the folder and its tensors ---- */                                                     \
    X(CHECKPOINT_MISSING, ERROR, "checkpoint.missing",                                             \
      "There is nothing to load.",                                                                 \
      "Give the folder that holds model.safetensors or params (of a training run: of one of "      \
      "its steps), or the file itself; if the weights are not in it, download them again.")        \
    X(CHECKPOINT_JAX, NOTE, "checkpoint.jax",                                                      \
      "openpi's JAX checkpoints are decoded at every load, which takes longer than mapping.",      \
      "Nothing; or write model.safetensors once, with pi0 convert.")                               \
    X(CHECKPOINT_OPTIMIZER, NOTE, "checkpoint.optimizer",                                          \
      "It is only needed to go on with training, and can be larger than the model.",               \
      "Leave it behind when the checkpoint is copied to the robot.")                               \
    X(TENSOR_FILE, ERROR, "tensor.file",                                                           \
      "The weights cannot be read: a download or a copy that broke off is the usual reason.",      \
      "Compare the file's size with the source's and copy it again.")                              \
    X(TENSOR_FOREIGN, ERROR, "tensor.foreign",                                                     \
      "This is no checkpoint of pi0 or pi0.5 in openpi's PyTorch or LeRobot's naming of today.",   \
      "Give another folder; a LeRobot checkpoint older than 0.4 has to be converted by LeRobot.")  \
    X(TENSOR_MISSING, ERROR, "tensor.missing",                                                     \
      "Without them the network cannot be computed.",                                              \
      "Download all shards again, or save the whole model and not a part of it.")                  \
    X(TENSOR_TWICE, ERROR, "tensor.twice",                                                         \
      "One weight under two names: nobody can say which one was trained.",                         \
      "Remove the one that does not belong to the model.")                                         \
    X(TENSOR_SHAPE, ERROR, "tensor.shape",                                                         \
      "The tensors do not fit together.",                                                          \
      "Check that all shards are of one model and that none was edited.")                          \
    X(TENSOR_TYPE, ERROR, "tensor.type",                                                           \
      "Quantised or integer weights are not run.",                                                 \
      "Save the model as F32 or BF16.")                                                            \
    X(TENSOR_NOT_FINITE, ERROR, "tensor.not_finite",                                               \
      "One such value spreads to every action.",                                                   \
      "Take an earlier checkpoint: training diverged, or the file is damaged.")                    \
    X(TENSOR_ZERO, WARNING, "tensor.zero",                                                         \
      "A weight matrix of nothing but zeros passes no information on: it was never written, or "   \
      "never trained.",                                                                            \
      "Check how the file was saved or converted.")                                                \
    X(TENSOR_UNKNOWN, WARNING, "tensor.unknown",                                                   \
      "They are not used. If they hold training results (LoRA, an adapter), these are lost.",      \
      "Merge adapters into the model before saving; else nothing.")                                \
    X(TENSOR_BF16_IN_F32, NOTE, "tensor.bf16_in_f32",                                              \
      "These take twice the room for the same values, and --precision bf16 loses nothing on them.",\
      "Nothing; or save the model as BF16.")                                                       \
    X(TENSOR_MIXED, NOTE, "tensor.mixed",                                                          \
      "Files that a trainer saved in bf16 mode look like this.",                                   \
      "Nothing.")                                                                                  \
    X(TENSOR_SAMPLED, NOTE, "tensor.sampled",                                                      \
      "NaN and zeros between the samples would not be seen.",                                      \
      "Nothing.")                                                                                  \
    /* ---- config.json and the library ---- */                                                    \
    X(CONFIG_REFUSED, ERROR, "config.refused",                                                     \
      "config.json says what kind of model this is; the checkpoint is not loaded without it.",     \
      "Mend what is named, or copy config.json again from where the model came from.")             \
    X(CONFIG_MISSING, ERROR, "config.missing",                                                     \
      "It says how prompt, pictures and time steps were made in training; openpi's are others.",   \
      "Copy config.json from where the model came from.")                                          \
    X(CONFIG_ABSENT, NOTE, "config.absent",                                                        \
      "openpi's own training leaves none behind; the horizon comes from --config or --horizon.",   \
      "Nothing, if the folder is openpi's.")                                                       \
    X(CONFIG_VARIANT, WARNING, "config.variant",                                                   \
      "config.json names a network of other sizes than the tensors have; the tensors count.",      \
      "Check that config.json and the tensors are of the same model.")                             \
    X(CONFIG_RTC, WARNING, "config.rtc",                                                           \
      "LeRobot would blend each chunk with the one before it (real-time chunking); this is not "   \
      "done here.",                                                                                \
      "Expect small jumps between chunks, or run fewer rows of each.")                             \
    X(CONFIG_ACTION_STEPS, ERROR, "config.action_steps",                                           \
      "A chunk has fewer rows than shall be taken from it.",                                       \
      "Make n_action_steps at most chunk_size.")                                                   \
    X(MODEL_REFUSED, ERROR, "model.refused",                                                       \
      "The library does not load the model.",                                                      \
      "Look the message up in docs/TROUBLESHOOTING.md, which has a cure for each.")                \
    X(MODEL_WARNING, WARNING, "model.warning",                                                     \
      "The library says so whenever it loads this model.",                                         \
      "Look the message up in docs/TROUBLESHOOTING.md, which has a cure for each.")                \
    X(MEMORY_SHORT, WARNING, "memory.short",                                                       \
      "The machine will swap or end the process.",                                                 \
      "Use --precision bf16, a machine with more memory, or end other programs.")                  \
    X(MEMORY_NEED, NOTE, "memory.need",                                                            \
      "What is free was counted just now; other programs change it.",                              \
      "Nothing. --memory MB asks for another machine.")                                            \
    /* ---- the robot ---- */                                                                      \
    X(ROBOT_NONE, WARNING, "robot.none",                                                           \
      "Without a robot only the network runs, and nothing that depends on the robot could be "     \
      "checked: sizes of the statistics, cameras, prompt, observation.",                           \
      "Give --config NAME, or --config FILE.json for a robot of your own.")                        \
    X(ROBOT_CONFIG, ERROR, "robot.config",                                                         \
      "There is no such configuration.",                                                           \
      "Give one of the names in the message, or a JSON file.")                                     \
    X(ROBOT_MODEL, ERROR, "robot.model",                                                           \
      "pi0 and pi0.5 differ in prompt, state and normalisation: this configuration is not that "   \
      "of this checkpoint.",                                                                       \
      "Give the configuration that it was trained with.")                                          \
    X(ROBOT_HORIZON, ERROR, "robot.horizon",                                                       \
      "The network was trained on chunks of another length: this configuration is not that of "    \
      "this checkpoint.",                                                                          \
      "Give the configuration that it was trained with.")                                          \
    X(ROBOT_REFUSED, ERROR, "robot.refused",                                                       \
      "The library does not make a policy of this checkpoint.",                                    \
      "Look the message up in docs/TROUBLESHOOTING.md, which has a cure for each.")                \
    X(CAMERA_NAMES, NOTE, "camera.names",                                                          \
      "Pictures are matched by name; a camera under another's name is the most common mistake.",   \
      "Compare them with the robot's code.")                                                       \
    X(CAMERA_EMPTY, NOTE, "camera.empty",                                                          \
      "LeRobot masks these out; here they are left out, which gives the same actions.",            \
      "Give no picture for them.")                                                                 \
    /* ---- LeRobot's pipelines ---- */                                                            \
    X(PROCESSOR_FILE, ERROR, "processor.file",                                                     \
      "The pipelines say how state and actions are normalised. Without them there is no policy.",  \
      "Copy policy_preprocessor.json and policy_postprocessor.json from where the model came "     \
      "from; a checkpoint older than LeRobot 0.4 has to be migrated by LeRobot first.")            \
    X(PROCESSOR_UNKNOWN, ERROR, "processor.unknown",                                               \
      "What this step does to state or actions is not known here, so the policy is not run.",      \
      "Train or save without it, or run that step in the robot's own code and take it out of "     \
      "the file.")                                                                                 \
    X(PROCESSOR_STATE_FILE, ERROR, "processor.state_file",                                         \
      "The statistics of this step are in it.",                                                    \
      "Copy it from where the model came from.")                                                   \
    X(PROCESSOR_NO_NORM, WARNING, "processor.no_norm",                                             \
      "State or actions pass as they are; a network that was trained on normalised values then "   \
      "moves the robot wrongly.",                                                                  \
      "Check that the model was trained so.")                                                      \
    X(PROCESSOR_RELATIVE, ERROR, "processor.relative",                                             \
      "The network's actions are relative to the state and must be made absolute, or the other "   \
      "way round.",                                                                                \
      "Both steps have to be enabled, or both disabled, as in training.")                          \
    X(PROCESSOR_MAX_LENGTH, WARNING, "processor.max_length",                                       \
      "Two limits for the same prompt.",                                                           \
      "Make them equal, as in training.")                                                          \
    X(NORM_DIFFERS, WARNING, "norm.differs",                                                       \
      "Two files disagree on how values are normalised; the pipelines count.",                     \
      "Check which of them is that of the training.")                                              \
    X(NORM_PI05_MEAN_STD, NOTE, "norm.pi05_mean_std",                                              \
      "The prompt of pi0.5 tells the state in 256 steps from -1 to 1: a state beyond one "         \
      "deviation is cut there. LeRobot's own recipes do so for LIBERO.",                           \
      "Nothing, if it was trained so.")                                                            \
    X(PROMPT_PADDING, NOTE, "prompt.padding",                                                      \
      "LeRobot 0.4.0 to 0.4.4 filled the state in pi0.5's prompt with zeros up to max_state_dim; " \
      "the files do not tell which version trained the model.",                                    \
      "If it was one of these, give --lerobot-state-padding v0.4.")                                \
    /* ---- statistics ---- */                                                                     \
    X(STATS_MISSING, ERROR, "stats.missing",                                                       \
      "Without statistics the network's numbers would go to the motors as they are.",              \
      "Copy the assets folder of the training run into the checkpoint, under the configuration's " \
      "asset id; for LeRobot, the state files of both pipelines.")                                 \
    X(STATS_NONE, WARNING, "stats.none",                                                           \
      "A robot's actions cannot be computed from this folder.",                                    \
      "Copy the assets folder of the training run into the checkpoint.")                           \
    X(STATS_FILE, ERROR, "stats.file",                                                             \
      "The statistics cannot be read.",                                                            \
      "Copy the file again, or compute it again with openpi's scripts/compute_norm_stats.py.")     \
    X(STATS_LIST, ERROR, "stats.list",                                                             \
      "This normalisation reads them.",                                                            \
      "Compute the statistics again, with quantiles for pi0.5.")                                   \
    X(STATS_SIZE, ERROR, "stats.size",                                                             \
      "Some values would stay as they are, or be taken for others.",                               \
      "Use the statistics of this robot; compute them again if the robot has changed.")            \
    X(STATS_LONGER, NOTE, "stats.longer",                                                          \
      "openpi ignores the rest. Statistics of another robot would look like this too.",            \
      "Check that the asset is this robot's.")                                                     \
    X(STATS_SWAPPED, ERROR, "stats.swapped",                                                       \
      "State and actions would each be scaled by the other's statistics.",                         \
      "Exchange the two in the file, or compute them again.")                                      \
    X(STATS_NOT_FINITE, ERROR, "stats.not_finite",                                                 \
      "Every value that meets it becomes NaN.",                                                    \
      "Remove broken episodes from the data and compute the statistics again.")                    \
    X(STATS_NEGATIVE_STD, ERROR, "stats.negative_std",                                             \
      "A deviation is never negative: the list is another one, or damaged.",                       \
      "Compute the statistics again.")                                                             \
    X(STATS_ORDER, ERROR, "stats.order",                                                           \
      "The lower bound lies above the upper one: the value would be mirrored.",                    \
      "Compute the statistics again.")                                                             \
    X(STATS_ZERO_STD, WARNING, "stats.zero_std",                                                   \
      "In the data this value never moved; any other value is blown up by up to a million, and "   \
      "as an action it never moves.",                                                              \
      "Check the data: is the joint wired, is the column the right one?")                          \
    X(STATS_ZERO_RANGE, WARNING, "stats.zero_range",                                               \
      "In the data this value hardly moved; any other value is blown up by up to a million, and "  \
      "as an action it never moves.",                                                              \
      "Check the data: is the joint wired, is the column the right one?")                          \
    X(STATS_INCONSISTENT, WARNING, "stats.inconsistent",                                           \
      "A mean outside the quantiles: the lists are not of the same data, or of the same values.",  \
      "Compute the statistics again.")                                                             \
    X(STATS_IDENTITY, WARNING, "stats.identity",                                                   \
      "Nothing is normalised: these are placeholders, or statistics of values that were "          \
      "normalised before.",                                                                        \
      "Compute the statistics on the robot's own units.")                                          \
    X(STATS_IDENTICAL, WARNING, "stats.identical",                                                 \
      "State and actions have the very same statistics, which measured data never have: one was "  \
      "copied over the other.",                                                                    \
      "Compute the statistics again.")                                                             \
    X(STATS_ABSOLUTE, WARNING, "stats.absolute",                                                   \
      "The policy adds the state to these actions, but their means follow the state's: the "       \
      "statistics look like those of absolute actions, and the arm would move twice as far.",      \
      "Compute the statistics with the configuration's relative actions, or use a configuration "  \
      "without them.")                                                                             \
    X(STATS_PRE_POST, WARNING, "stats.pre_post",                                                   \
      "Actions were normalised by one file in training and are un-normalised by another.",         \
      "Take both files from the same save.")                                                       \
    X(ASSETS_SEVERAL, NOTE, "assets.several",                                                      \
      "Each is another robot's or data set's; one is read.",                                       \
      "Check that it is the right one.")                                                           \
    /* ---- tokenizer and prompt ---- */                                                           \
    X(TOKENIZER_MISSING, ERROR, "tokenizer.missing",                                               \
      "A sentence cannot be given to the network.",                                                \
      "Give --tokenizer FILE: tokenizer.model of google/paligemma-3b-pt-224, or "                  \
      "paligemma_tokenizer.model of openpi's cache.")                                              \
    X(TOKENIZER_FILE, ERROR, "tokenizer.file",                                                     \
      "The sentence cannot be tokenised.",                                                         \
      "Give a SentencePiece model; tokenizer.json is another format.")                             \
    X(TOKENIZER_LARGER, ERROR, "tokenizer.larger",                                                 \
      "It has ids that the embedding table does not: it is another model's.",                      \
      "Give PaliGemma's.")                                                                         \
    X(TOKENIZER_SMALLER, WARNING, "tokenizer.smaller",                                             \
      "Rows of the embedding table that no text reaches: it may be another model's.",              \
      "Give PaliGemma's.")                                                                         \
    X(TOKENIZER_BOS, ERROR, "tokenizer.bos",                                                       \
      "Every prompt was trained with PaliGemma's first token.",                                    \
      "Give PaliGemma's.")                                                                         \
    X(TOKENIZER_NEWLINE, WARNING, "tokenizer.newline",                                             \
      "pi0's prompts end with it: with another token there, every prompt is one that the model "   \
      "never saw.",                                                                                \
      "Give PaliGemma's.")                                                                         \
    X(PROMPT_DEFAULT, WARNING, "prompt.default",                                                   \
      "The end of the default sentence never reaches the network.",                                \
      "Make it shorter.")                                                                          \
    X(PROMPT_ROOM, WARNING, "prompt.room",                                                         \
      "The state takes most of the prompt; a longer sentence is cut, and with it the end that "    \
      "the model was trained on.",                                                                 \
      "Keep sentences short.")                                                                     \
    /* ---- an observation ---- */                                                                 \
    X(OBSERVATION_FILE, ERROR, "observation.file",                                                 \
      "Nothing that is in it could be looked at.",                                                 \
      "Give the file that is named, or mend it; docs/CHECKPOINTS.md says what an observation "     \
      "holds.")                                                                                    \
    X(OBSERVATION_UNUSED, WARNING, "observation.unused",                                           \
      "They are passed over. A misspelt name looks like this.",                                    \
      "Compare them with the names that the robot's configuration has.")                           \
    X(OBSERVATION_REFUSED, ERROR, "observation.refused",                                           \
      "The library does not take this observation.",                                               \
      "Look the message up in docs/TROUBLESHOOTING.md, which has a cure for each.")                \
    X(CAMERA_MISSING, ERROR, "camera.missing",                                                     \
      "The policy does not run without it.",                                                       \
      "Send it under this name.")                                                                  \
    X(CAMERA_ABSENT, NOTE, "camera.absent",                                                        \
      "The policy runs without it, as a robot without this camera does.",                          \
      "Send it, if the robot has it.")                                                             \
    X(CAMERA_UNKNOWN, ERROR, "camera.unknown",                                                     \
      "A picture that the policy has no place for.",                                               \
      "Send it under one of the robot's names, or not at all.")                                    \
    X(IMAGE_AXES, ERROR, "image.axes",                                                             \
      "Rows, columns and colours would be taken for one another.",                                 \
      "Transpose the array: HWC is [height, width, 3], CHW is [3, height, width].")                \
    X(IMAGE_RANGE, ERROR, "image.range",                                                           \
      "Floating-point pictures are read as 0 to 1; beyond that, bytes overflow.",                  \
      "Send uint8, or divide by 255.")                                                             \
    X(IMAGE_SIGNED, ERROR, "image.signed",                                                         \
      "The picture was scaled to -1..1 already, which is the network's business.",                 \
      "Send uint8, or floats from 0 to 1.")                                                        \
    X(IMAGE_DARK, WARNING, "image.dark",                                                           \
      "uint8 pictures are read as 0 to 255; one that was scaled to 0..1 before becomes black.",    \
      "Send the camera's own bytes.")                                                              \
    X(IMAGE_FLOAT, NOTE, "image.float",                                                            \
      "openpi cuts 255*x to a whole number, so these lose up to one level against uint8.",         \
      "Send uint8.")                                                                               \
    X(IMAGE_BLANK, WARNING, "image.blank",                                                         \
      "All pixels are equal: the camera sent nothing.",                                            \
      "Check the camera and its driver.")                                                          \
    X(IMAGE_BLUE, NOTE, "image.blue",                                                              \
      "Rooms are seldom this blue; OpenCV's pictures are BGR. One picture cannot prove it.",       \
      "Look at it: if skin is blue and wood is blue, swap the first and the last colour.")         \
    X(IMAGE_ASPECT, WARNING, "image.aspect",                                                       \
      "The model was trained on pictures of other proportions: scale and black bars differ.",      \
      "Crop or record as in training.")                                                            \
    X(STATE_MISSING, ERROR, "state.missing",                                                       \
      "The policy needs it.",                                                                      \
      "Send it under this name.")                                                                  \
    X(STATE_SIZE, ERROR, "state.size",                                                             \
      "Values would be taken for others.",                                                         \
      "Send as many as the robot has, in its order.")                                              \
    X(STATE_NOT_FINITE, ERROR, "state.not_finite",                                                 \
      "It would become part of every action.",                                                     \
      "Check the sensor.")                                                                         \
    X(STATE_DEGREES, WARNING, "state.degrees",                                                     \
      "These values are far outside the statistics, and inside as radians: they look like "        \
      "degrees.",                                                                                  \
      "Send the unit that the data were recorded in.")                                             \
    X(STATE_RADIANS, WARNING, "state.radians",                                                     \
      "These values are far outside the statistics, and inside as degrees: they look like "        \
      "radians.",                                                                                  \
      "Send the unit that the data were recorded in.")                                             \
    X(STATE_NORMALISED, WARNING, "state.normalised",                                               \
      "Small values where the statistics lie elsewhere: they look normalised already, and will "   \
      "be so twice.",                                                                              \
      "Send the robot's own units.")                                                               \
    X(STATE_OUTSIDE, WARNING, "state.outside",                                                     \
      "The robot is where it never was in the data (or the values are others than in training); "  \
      "what the network does there is not known.",                                                 \
      "Check order, unit and sign of these values; then move the robot to where the data began.")  \
    X(STATE_EDGE, NOTE, "state.edge",                                                              \
      "A little outside the quantiles is usual for one value in fifty; pi0.5's prompt shows the "  \
      "edge instead.",                                                                             \
      "Nothing.")                                                                                  \
    X(PROMPT_MISSING, ERROR, "prompt.missing",                                                     \
      "The policy needs a sentence, and the configuration has no default.",                        \
      "Send one as \"prompt\" (LeRobot: \"task\").")                                               \
    X(PROMPT_EMPTY, WARNING, "prompt.empty",                                                       \
      "The network is told nothing to do.",                                                        \
      "Send the task's sentence.")                                                                 \
    X(PROMPT_ENCODING, ERROR, "prompt.encoding",                                                   \
      "The sentence cannot be tokenised.",                                                         \
      "Send UTF-8.")                                                                               \
    X(PROMPT_CUT, WARNING, "prompt.cut",                                                           \
      "The end never reaches the network, nor does the line feed or \"Action:\" that the model "   \
      "was trained to see there.",                                                                 \
      "Make the sentence shorter.")
// clang-format on

#define X_FINDING(name, ...) F_##name,
enum finding_id { FINDING_TABLE(X_FINDING) FINDING_COUNT };
#undef X_FINDING

typedef struct finding_kind {
    enum severity severity;
    const char *id, *why, *todo;
} finding_kind;
extern const finding_kind pi0_findings[FINDING_COUNT];
extern const char *const pi0_severity_name[SEVERITY_COUNT]; // "error", "warning", "note"
#endif
