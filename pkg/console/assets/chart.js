// A chart of rates over time, from zero, with the lag below and marks for events.

import { h, s } from './dom.js';
import { count, lasting, time } from './words.js';

const width = 640;
const high = 150;
const low = 44;
const left = 8;
const right = 60;

/** Draws a series of { from, at, value, lag }; since says from when there are numbers. */
export function chart(series, marks, since) {
  if (series.length < 2) {
    return h('p', { class: 'quiet' }, `There are too few numbers for a chart yet. ${since}`);
  }
  const from = series[0].from;
  const until = series.at(-1).at;
  const x = (at) => left + ((width - left - right) * (at - from)) / Math.max(until - from, 1);
  const top = nice(Math.max(...series.map((p) => p.value)));
  const y = (value) => high - ((high - 14) * value) / top;
  const lagTop = Math.max(...series.map((p) => p.lag ?? 0), 1000);
  const lagY = (lag) => high + 14 + low - (low * (lag ?? 0)) / lagTop;
  const points = [series[0].from, ...series.map((p) => p.at)].map((at, i) => {
    const { value } = series[Math.max(i - 1, 0)];
    return `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  const lags = series.map((p) => `${x(p.at).toFixed(1)} ${lagY(p.lag).toFixed(1)}`);
  const base = high + 14 + low;
  const last = series.at(-1);
  return h(
    'figure',
    { class: 'chart' },
    s(
      'svg',
      { viewBox: `0 0 ${width} ${base + 26}`, role: 'img', 'aria-label': `${told(series)} ${marked(marks)}` },
      [0, 0.5, 1].map((share) =>
        s(
          'g',
          { class: 'scale' },
          s('path', { d: `M${left} ${y(top * share)} H${width - right}` }),
          s('text', { x: width - right + 6, y: y(top * share) + 4 }, count(top * share)),
        ),
      ),
      s('path', { class: 'area', d: `M${x(from)} ${high} L${points.join(' L')} L${x(until)} ${high} Z` }),
      s('path', { class: 'rate', d: `M${points.join(' L')}` }),
      s(
        'g',
        { class: 'scale' },
        s('path', { d: `M${left} ${base} H${width - right}` }),
        s('text', { x: width - right + 6, y: base + 4 }, 'lag 0'),
        s('text', { x: width - right + 6, y: base - low + 10 }, lasting(lagTop)),
      ),
      s('path', { class: 'lag', d: `M${lags.join(' L')}` }),
      s('text', { class: 'axis', x: left, y: base + 18 }, time(from)),
      s('text', { class: 'axis end', x: width - right, y: base + 18 }, time(until)),
      marks
        .filter((m) => m.at >= from && m.at <= until)
        .map((m) =>
          s(
            'g',
            { class: `mark${m.bad ? ' bad' : ''}`, transform: `translate(${x(m.at)} 0)` },
            s('title', {}, `${m.text}, ${time(m.at)}`),
            s('path', { d: `M0 10 V${base}` }),
            s('path', { class: 'flag', d: 'M0 4 l5 5 -5 5 -5 -5 z' }),
          ),
        ),
    ),
    h(
      'figcaption',
      {},
      h('span', { class: 'key rate' }, `read ${count(last.value)} events/s`),
      h('span', { class: 'key lag' }, `lag of live traffic ${lasting(last.lag ?? 0)}`),
      marks.length > 0 && h('span', { class: 'key flagged' }, marked(marks.slice(-3))),
      h('span', { class: 'since' }, since),
    ),
  );
}

const marked = (marks) => marks.map((m) => `${time(m.at)} ${m.text}`).join(', ');

function told(series) {
  const most = Math.max(...series.map((p) => p.value));
  const lag = Math.max(...series.map((p) => p.lag ?? 0));
  return (
    `Events read a second from ${time(series[0].at)} to ${time(series.at(-1).at)}: at most ${count(most)}, ` +
    `now ${count(series.at(-1).value)}. Lag of live traffic at most ${lasting(lag)}.`
  );
}

function nice(most) {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= most);
}
