/** Icons of our own; they take the colours of the theme. */

import { LabIcon } from '@jupyterlab/ui-components';

function svg(inner: string, viewBox = '0 0 24 24'): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="${viewBox}">${inner}</svg>`;
}

/** The panel: one head, and workers around it. */
export const rayspaceIcon = new LabIcon({
  name: 'rayspace:ray',
  svgstr: svg(
    '<g class="jp-icon3" fill="#616161">' +
      '<circle cx="12" cy="12" r="4"/>' +
      '<circle cx="4" cy="5" r="2.4"/><circle cx="20" cy="5" r="2.4"/>' +
      '<circle cx="4" cy="19" r="2.4"/><circle cx="20" cy="19" r="2.4"/></g>' +
      '<g class="jp-icon3" fill="none" stroke="#616161" stroke-width="1.6">' +
      '<path class="jp-icon-none" d="M5.5 6.3 9.3 9.6M18.5 6.3 14.7 9.6M5.5 17.7 9.3 14.4M18.5 17.7 14.7 14.4"/>' +
      '</g>'
  )
});

/** Run on Ray: a triangle that plays, with rays. */
export const runOnRayIcon = new LabIcon({
  name: 'rayspace:run-on-ray',
  svgstr: svg(
    '<g class="jp-icon3" fill="#616161">' +
      '<path d="M4 5v14l10.5-7z"/>' +
      '<circle cx="19.5" cy="5.5" r="2.1"/><circle cx="20.5" cy="12" r="2.1"/>' +
      '<circle cx="19.5" cy="18.5" r="2.1"/></g>'
  )
});

/** A dashboard: bars. */
export const dashboardIcon = new LabIcon({
  name: 'rayspace:dashboard',
  svgstr: svg(
    '<g class="jp-icon3" fill="#616161">' +
      '<path d="M4 12h4v8H4zM10 4h4v16h-4zM16 9h4v11h-4z"/></g>'
  )
});

/** The log of a job: lines. */
export const logIcon = new LabIcon({
  name: 'rayspace:log',
  svgstr: svg(
    '<g class="jp-icon3" fill="#616161">' +
      '<path d="M4 5h16v2H4zM4 9h11v2H4zM4 13h16v2H4zM4 17h8v2H4z"/></g>'
  )
});

/** A notebook to begin from: a page with a head and its workers. */
export const starterIcon = new LabIcon({
  name: 'rayspace:starter',
  svgstr: svg(
    '<g class="jp-icon3" fill="#616161">' +
      '<path d="M5 2h10l5 5v15H5zm2 2v16h11V8h-4V4z"/>' +
      '<circle cx="12.5" cy="14" r="2.2"/><circle cx="9.4" cy="10.6" r="1.2"/>' +
      '<circle cx="15.6" cy="10.6" r="1.2"/><circle cx="9.4" cy="17.4" r="1.2"/>' +
      '<circle cx="15.6" cy="17.4" r="1.2"/></g>'
  )
});
