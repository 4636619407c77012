/** Every text of the page, in one place to translate. What is between backticks is shown as code. */

/** One digit more where "100%" or "0%" would claim too much. */
const percent = (value) => `${(100 * value).toFixed((value > 0.995 && value < 1) || (value < 0.005 && value > 0) ? 1 : 0)}%`;
const count = (number) => number.toLocaleString("en");
const pictures = (number) => (number === 1 ? "1 picture" : `${count(number)} pictures`);

const WHAT = {
  "look at the pictures": "Looking at the pictures",
  "draw and look at the demo's pictures": "Drawing and looking at the demo’s pictures",
  send: "Sending pictures",
};

export const texts = {
  percent,
  pictures,
  title(project, view, parameter) {
    const name = { class: parameter, check: "Check", tray: "Sort later" }[view];
    return [name, project, "coral-learn studio"].filter(Boolean).join(" – ");
  },
  skip: "Skip to the content",
  close: "Close",
  cancel: "Cancel",
  notReachable: "The studio does not answer. What it said that it has is kept; try again once it runs.",
  status: (status) => `The studio refused this with status ${status}.`,
  offline: (project) => "The studio is not running any more. Start it again: `coral-learn studio " + (project ?? "") + "`. This page then goes on by itself.",
  progressOf: (what) => WHAT[what] ?? what,
  progress: (what, done, total) => (total === null ? `${WHAT[what] ?? what} …` : `${WHAT[what] ?? what}: ${count(done)} of ${count(total)}`),

  // Header
  navigation: "Views",
  teach: "Teach",
  check: "Check",
  tray: "Sort later",
  trayMeans: "pictures to sort",
  undo: (what) => (what ? `Undo: ${what}` : "Nothing to undo"),
  redo: (what) => (what ? `Redo: ${what}` : "Nothing to redo"),
  takeAway: "Take away",
  accuracyMeans: "of new pictures named right",
  measuring: "Measuring how often it is right …",
  measuringBadge: "…",

  // Welcome
  welcomeTitle: "Teach it by showing",
  welcomeText: "Show a few pictures of each thing. The model learns while you watch, on this device, and nothing leaves it.",
  steps: [
    { icon: "camera", title: "Show", text: "Name two things or more, and give each about 20 pictures: files, a folder, or a camera." },
    { icon: "learn", title: "Learn", text: "It learns by itself after each change. Hold something in front of the camera, and see if it knows." },
    { icon: "download", title: "Take away", text: "Download the model that you saw working, for a Coral board, Frigate, a phone or a script." },
  ],
  firstClass: "What do you want to show first?",
  loadDemo: "Or try it with drawn sea animals",
  loading: "Opening the project …",

  // Classes
  showTitle: "Show",
  showText: "A card for each thing that it has to know.",
  newClass: "Name of a new class",
  newClassHint: "for example: daisy",
  addClass: "Add class",
  suggestion: "Will it see other things too? Show it some, so that it need not guess.",
  noneOfThese: "none of these",
  addSuggestion: "Add “none of these”",
  rename: (name) => `Rename ${name}`,
  newName: (name) => `New name of ${name}`,
  save: "Save",
  remove: (name) => `Remove ${name}`,
  removed: (name) => `${name} is removed. Undo brings it back.`,
  seeAll: (name, number) => `See the ${pictures(number)} of ${name}`,
  noPictures: "No pictures yet. Drop some here.",
  fewPictures: (number) => `${pictures(number)}. About 20 make a good start.`,
  actions: (name) => `Add pictures to ${name}`,
  camera: "Camera",
  files: "Files",
  folder: "Folder",
  paste: "Paste",
  phone: "Take photo",
  dropHere: (name) => `Drop to add to ${name}`,
  dropClasses: "Drop a folder of class folders to add them all",

  foldersTitle: "Watched folders",
  foldersText: "New pictures that come into a folder of the studio’s machine go into a class by themselves. The folders are those that it was started with.",
  noFoldersWatched: "New pictures of a folder can come into a class by themselves: start the studio with `--watch FOLDER`. For your safety, this page can name no folder.",
  folderGoesTo: (name) => `New pictures in ${name} go to`,
  notWatched: "nothing: not watched",

  // Adding
  added: (answer, name) => {
    const parts = [`${name}: ${answer.added ? `${pictures(answer.added)} added` : "nothing new"}`];
    if (answer.copies) parts.push(`${pictures(answer.copies)} it has already`);
    if (answer.similar) parts.push(`${count(answer.similar)} nearly the same left out`);
    return `${parts.join(", ")}.`;
  },
  inOtherClass: (name, other) => `${name} is in ${other} already`,
  tooLarge: (name, limit) => `${name} is larger than ${count(limit / 1e6)} MB, which is all that the studio takes. Send a smaller file.`,
  skipped: (name, reason) => `${name}: ${reason}`,
  leftOut: (reasons, more) => `Left out: ${reasons.join("; ")}${more ? `; and ${count(more)} more` : ""}.`,
  sendStopped: (done, total) => `${count(done)} of ${pictures(total)} were sent. Add the same again later: those that are there are not added twice.`,
  nothingToPaste: "There is no picture to paste. Copy one first.",
  pasteRefused: "The browser does not let this page read what was copied. Press Ctrl-V on the card instead.",
  noFolders: "Drop folders here, one for each class. Single pictures go on the card of their class.",
  nothingDropped: "There was no file in what was dropped.",

  // Camera
  hold: "Hold to record",
  holding: "Recording …",
  holdHint: "A short press takes one picture. With the keyboard, hold the space bar.",
  rate: "Pictures a second",
  recording: (number) => pictures(number),
  sendingFrames: (number) => `${pictures(number)} recorded. Looking at them …`,
  recorded: (number, { added, similar }) => `${pictures(number)} recorded, ${count(added)} kept${similar ? `, ${count(similar)} nearly the same left out` : ""}.`,
  framesWait: (number) => `${pictures(number)} could not be sent. They go with the next ones.`,
  boardRecord: "Recording with the board’s camera …",
  cameraChoice: "Camera",
  boardCamera: (name) => `The board’s camera (${name})`,
  browserCamera: (number) => `Camera ${number}`,
  cameraRefused: "The browser was not allowed to use the camera. Click the camera sign in its address bar, allow it, and try again.",
  noCamera: "The browser finds no camera. Plug one in and try again, or add files instead.",
  cameraBusy: "Another program uses the camera. Close it and try again.",
  cameraFailed: (reason) => `The camera cannot be opened: ${reason}`,
  notSecure:
    "Browsers open a camera only on a secure page. Start the studio with `--https`, open it as http://localhost on the machine itself, or plug a camera into the board and start with `--camera 0`.",
  notSecureBoard: "Browsers open a camera only on a secure page, so this is the board’s camera. For this device’s camera, start the studio with `--https`.",
  boardCameraGone: "The board’s camera sends no pictures. Check that it is plugged in.",
  tryAgain: "Try again",

  // Preview
  seeTitle: "See",
  startPreview: "Start camera",
  goToPreview: "See what it sees",
  stopPreview: "Stop camera",
  tryPicture: "Try a picture",
  dropPicture: "Drop to try it",
  previewIdle: "Hold something in front of the camera, or try a picture.",
  previewNeeds: "Give two classes some pictures, and it shows here what it sees.",
  dontKnow: "I don’t know",
  unfamiliar: "Looks unlike the pictures it learned from",
  scores: "How sure it is of each class",
  answer: (label, score) => (label === null ? "I don’t know" : `${label}, ${percent(score)}`),
  threshold: (value) => `Below ${percent(value)}, it says “I don’t know”.`,
  speed: (rate, milliseconds) => `${rate.toFixed(rate < 10 ? 1 : 0)} pictures a second, ${milliseconds.toFixed(1)} ms each`,
  stillSpeed: (milliseconds) => `${milliseconds.toFixed(1)} ms for the picture`,
  runsOn: (device) => `The preview runs the file that you take away (${device}).`,
  keepUnsure: "Keep pictures that it is unsure of",
  keepUnsureHint: "At most one a second, to sort later",
  notAPicture: (name) => `${name} cannot be shown by this browser. Use a JPEG or PNG.`,
  triedPicture: (name) => `The picture ${name}`,
  liveCamera: "What the camera sees",

  // Gallery
  back: "All classes",
  galleryKeys: "Arrows walk, Enter opens, Space selects, 1 to 9 move to a class, Delete drops.",
  galleryOf: (name) => `Pictures of ${name}`,
  photo: (number, name) => `${name}, picture ${count(number)}`,
  noThumbnail: "not kept",
  selected: (number) => `${count(number)} selected`,
  selectAll: "Select all",
  selectNone: "Select none",
  moveTo: "Move to",
  drop: "Drop",
  droppedPhotos: (number) => `${pictures(number)} dropped. Undo brings ${number === 1 ? "it" : "them"} back.`,
  movedPhotos: (number, name) => `${pictures(number)} moved to ${name}.`,
  noClass: (name) => `There is no class ${name} any more.`,
  empty: "No pictures here.",

  // Viewer
  position: (number, total) => `${count(number)} of ${count(total)}`,
  previous: "Previous picture",
  nextPicture: "Next picture",
  viewerKeys: "1 to 9 move, Delete drops, Space or → goes on.",
  pictureOf: (label) => `A picture of ${label}`,
  isNow: (label) => `Class: ${label}`,
  sortInto: "It shows",
  throwAway: "Throw away",

  // Check
  checkTitle: "Check",
  needsModel: "There is nothing to check yet. Give two classes some pictures first.",
  headline: ({ value }) => `${percent(value)} right`,
  verdict: ({ value, interval, tested }) =>
    `Of 100 new pictures like these, it would name about ${Math.round(100 * value)} right: between ${Math.round(100 * interval[0])} and ${Math.round(100 * interval[1])}, judged by ${pictures(tested)} that it had not learned from.`,
  wideInterval: "That is a wide range: more pictures make it sure.",
  adviceTitle: "What to do next",
  doubtfulTitle: "Labels to look at",
  doubtfulText: "These look like another class to models that did not learn from them. Some are in the wrong class; others are just hard.",
  doubtfulNone: "No label looks wrong.",
  looksLike: (name) => `looks like ${name}`,
  labelIs: (name, probability) => `${name}, ${percent(probability)} likely`,
  itIs: (name) => `It is ${name}`,
  labelIsRight: "Label is right",
  confirmed: "The label is right: it is not doubted again. Undo takes that back.",
  matrixTitle: "What it mixes up",
  matrixText: "Each row is what pictures show, each column what it said. Choose a number to see the pictures.",
  matrixCell: (number, label, named) => `${pictures(number)} of ${label} named ${named}`,
  matrixCorner: "shown ↓ said →",
  wrongTitle: "What it gets wrong",
  wrongText: "The surest mistakes come first.",
  wrongNone: "It gets none of them wrong.",
  wrongCell: (label, named) => `Pictures of ${label} that it names ${named}`,
  namedAs: (name, probability) => `named ${name}, ${percent(probability)}`,
  showAllWrong: "Show all mistakes",
  showMore: (number) => `Show ${count(number)} more`,
  recallsTitle: "Each class",
  recallOf: ({ value, interval }) => `${percent(value)} right (${percent(interval[0])} to ${percent(interval[1])})`,
  openPicture: (label) => `Open this picture of ${label}`,

  // Tray
  trayTitle: "Sort later",
  trayText: "Pictures that it was unsure of. Those that would teach it most, of which it is least sure, come first.",
  trayEmpty: "Nothing to sort. Switch on “Keep pictures that it is unsure of” beside the camera to collect some.",
  traySuggested: (name, probability) => `${name}? ${percent(probability)}`,
  trayPicture: "A picture to sort",
  sortOneByOne: "Sort one by one",
  throwAllAway: "Throw all away",

  // Take away
  takeTitle: "Take away",
  checking: "Checking that the file answers like the preview …",
  agree: ({ agree, of }) => `The file and the preview agree on ${count(agree)} of ${pictures(of)}.`,
  exports: {
    model: { title: "Model", about: "The .tflite file that the preview runs, with the names of the classes inside. For any TensorFlow Lite interpreter, on a processor or a Coral Edge TPU." },
    labels: { title: "Label map", about: "The names of the classes as a text file, for programs that do not read them from the model." },
    frigate: { title: "Frigate and Home Assistant", about: "For Frigate’s classification of objects, which Home Assistant shows too." },
    mediapipe: { title: "MediaPipe Tasks", about: "For ImageClassifier on Android, iOS, in browsers and in Python." },
    python: { title: "Plain Python", about: "A short script that names a picture, and the model that it runs." },
    "c-array": { title: "C array", about: "The model as source code, for microcontrollers." },
    report: { title: "Report", about: "What was measured and how, on one page to keep or to send." },
  },
  whyNot: (reason) => `Not with this project: ${reason}.`,
  download: "Download",
  downloadOf: (file) => `Download ${file}`,
  command: "The same on the command line",
  copied: "Copied.",
  copyOf: (title) => `Copy the command for ${title}`,
};
