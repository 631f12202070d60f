// Starts the script of the page that is shown.

const pages = {
  replays: () => import('./replays.js'),
  replay: () => import('./replay.js'),
  group: () => import('./group.js'),
  generations: () => import('./generations.js'),
  verifications: () => import('./verifications.js'),
  entities: () => import('./entity.js'),
  entity: () => import('./entity.js'),
  health: () => import('./health.js'),
};

const { page, subject } = document.body.dataset;
if (pages[page]) (await pages[page]()).show(document.getElementById('main'), subject);
