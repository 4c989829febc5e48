/** A section of the panel: a title with a toolbar, and one of four states below. */

import { TranslationBundle } from '@jupyterlab/translation';
import {
  LabIcon,
  PanelWithToolbar,
  ReactWidget,
  ToolbarButton
} from '@jupyterlab/ui-components';
import * as React from 'react';

import { ILive } from '../tokens';
import { ErrorCard, Loading } from './cards';
import { TransProvider, useTrans } from './trans';
import { useModel } from './use-signal';

/** A component as a widget, with the translator. */
export class Drawn extends ReactWidget {
  /**
   * @param _draw Makes the component.
   * @param _trans The translator.
   */
  constructor(
    private readonly _draw: () => React.ReactElement,
    private readonly _trans: TranslationBundle
  ) {
    super();
  }

  protected override render(): React.ReactElement {
    return <TransProvider value={this._trans}>{this._draw()}</TransProvider>;
  }
}

/** What a section is made of. */
export interface ISectionOptions {
  readonly id: string;
  readonly title: string;
  readonly trans: TranslationBundle;
  readonly draw: () => React.ReactElement;
  readonly tools?: readonly {
    readonly name: string;
    readonly icon: LabIcon;
    readonly label: string;
    readonly onClick: () => void;
  }[];
}

/** Make a section. */
export function makeSection(options: ISectionOptions): PanelWithToolbar {
  const section = new PanelWithToolbar();
  section.id = `rayspace-section-${options.id}`;
  section.addClass('rayspace-Section');
  section.title.label = options.title;
  section.toolbar.node.setAttribute('aria-label', options.title);
  for (const { name, icon, label, onClick } of options.tools ?? []) {
    section.toolbar.addItem(name, new ToolbarButton({ icon, tooltip: label, onClick }));
  }
  const body = new Drawn(options.draw, options.trans);
  body.addClass('rayspace-Section-body');
  section.addWidget(body);
  return section;
}

/** Properties of `SectionState`. */
export interface ISectionStateProps {
  readonly live: ILive;
  readonly isLoaded: boolean;
  readonly isEmpty: boolean;
  readonly empty: React.ReactElement;
  /** What is wrong with this section alone. */
  readonly error?: { readonly message: string; readonly hint: string };
  readonly onRetry?: () => void;
  readonly children: React.ReactNode;
}

/** Draw rows, or why there are none. */
export function SectionState(props: ISectionStateProps): React.ReactElement {
  const { live, isLoaded, isEmpty, empty, error, onRetry, children } = props;
  const trans = useTrans();
  const { connection } = live;
  if (error) {
    return <ErrorCard message={error.message} hint={error.hint} onRetry={onRetry} />;
  }
  if (!isLoaded) {
    return connection.kind === 'failed' ? (
      <p className="rayspace-Empty rayspace-muted">{trans.__('Not connected.')}</p>
    ) : (
      <Loading />
    );
  }
  return (
    <div
      className="rayspace-State"
      data-stale={
        connection.kind === 'stale' || connection.kind === 'failed' || undefined
      }
    >
      {isEmpty ? empty : children}
    </div>
  );
}

/** Properties of `Watching`. */
export interface IWatchingProps {
  readonly live: ILive;
  readonly children: () => React.ReactElement;
}

/** Draw anew with each change of the server's state. */
export function Watching({ live, children }: IWatchingProps): React.ReactElement {
  useModel(live);
  return children();
}
