/** What the dialog of "Run on Ray" asks and shows. */

import { TranslationBundle } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { Planner } from '../planner';
import { toError } from '../request';
import { ILive } from '../tokens';
import {
  IError,
  IField,
  IJobPlan,
  IJobWish,
  IKernel,
  IProfile,
  ITargetState
} from '../wire';
import { changedValues, givenTexts, initialText, Typed, valueError } from './values';

/** Where a job can run: on a cluster that runs, or on one that is started for it. */
export interface IPlace {
  readonly key: string;
  readonly kind: 'cluster' | 'profile';
  readonly name: string;
  readonly target: string;
  /** Whose it is, where it is somebody else's and that is known; else empty. */
  readonly owner: string;
  /** Whether a job goes there without being told to. */
  readonly isOwn: boolean;
}

/** The form, with the plan for what is typed. */
export class ShipModel implements IDisposable {
  /**
   * @param _api The server.
   * @param live What it tells: clusters that run, and targets.
   * @param path The notebook.
   * @param _kernel What the notebook's kernel says of itself; null where it says nothing.
   * @param _given Values to begin with.
   */
  constructor(
    private readonly _api: Api,
    readonly live: ILive,
    readonly path: string,
    private readonly _kernel: IKernel | null,
    private readonly _given: Readonly<Record<string, unknown>>,
    private readonly _trans: TranslationBundle
  ) {}

  /** Emitted when something is to be drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The parameters; null before they are known. */
  get fields(): readonly IField[] | null {
    return this._fields;
  }

  get typed(): Typed {
    return this._typed;
  }

  get places(): readonly IPlace[] {
    return this._places;
  }

  /** Where clusters for jobs can be: no job runs where clusters are only played. */
  get targets(): readonly ITargetState[] {
    return this.live.targets.filter(({ source }) => source !== 'simulated');
  }

  /** Key of the place that is chosen; empty for where the server takes it. */
  get place(): string {
    return this._place;
  }

  /** Target of a cluster that is started for it; empty for the profile's. */
  get target(): string {
    return this._target;
  }

  get plan(): IJobPlan | null {
    return this._planner.plan;
  }

  get error(): IError | null {
    return this._planner.error;
  }

  get isPlanning(): boolean {
    return this._planner.isPlanning;
  }

  /** Whether the job can be shipped as the form is. */
  get isSound(): boolean {
    return (
      this._fields !== null && this._fields.every(field => this.errorOf(field) === '')
    );
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** The text of a parameter. */
  textOf(field: IField): string {
    return this._typed[field.name] ?? initialText(field);
  }

  /** What is wrong with the value of a parameter; empty for nothing. */
  errorOf(field: IField): string {
    return valueError(field, this.textOf(field), this._trans);
  }

  /** Ask for the parameters and for where it can run, and for the first plan. */
  async load(): Promise<void> {
    try {
      const [fields, profiles] = await Promise.all([
        this._api.parameters(this.path),
        this._api.profiles(this.path)
      ]);
      this._fields = fields;
      this._places = this._findPlaces(profiles);
      this._typed = givenTexts(fields, this._given);
      this._place = this._likeliest();
      this._planner.ask();
    } catch (error) {
      this._planner.error = toError(error);
    }
    this._emit();
  }

  /** Take the value of a parameter. */
  setValue(name: string, text: string): void {
    this._typed = { ...this._typed, [name]: text };
    this._planner.askSoon();
  }

  /** Take where it shall run. */
  setPlace(key: string): void {
    this._place = key;
    this._planner.askSoon();
  }

  /** Take where the cluster that is started for it shall be. */
  setTarget(target: string): void {
    this._target = target;
    this._planner.askSoon();
    void this._readPlaces(target);
  }

  /** The wish as the server takes it. */
  wish(): IJobWish {
    const place = this._places.find(({ key }) => key === this._place);
    const parameters = changedValues(this._fields ?? [], this._typed);
    const wish: IJobWish = { path: this.path, kernel: this._kernel, parameters };
    if (place?.kind === 'cluster') {
      return { ...wish, cluster: place.name, target: place.target };
    }
    if (place) {
      return { ...wish, profile: place.name, target: this._target || null };
    }
    return wish;
  }

  dispose(): void {
    this._isDisposed = true;
    this._planner.cancel();
    Signal.clearData(this);
  }

  /** A namespace may have profiles of its own. */
  private async _readPlaces(target: string): Promise<void> {
    try {
      const profiles = await this._api.profiles(this.path, target);
      if (target !== this._target) {
        return;
      }
      this._places = this._findPlaces(profiles);
      if (!this._places.some(({ key }) => key === this._place)) {
        this._place = this._likeliest();
        this._planner.askSoon();
      }
      this._emit();
    } catch {
      // Why it does not answer is said of the plan.
    }
  }

  private _findPlaces(profiles: readonly IProfile[]): readonly IPlace[] {
    const played = this.live.targets.filter(({ source }) => source === 'simulated');
    const running = (this.live.clusters ?? [])
      .filter(({ phase }) => phase === 'ready')
      .filter(({ target }) => !played.some(({ name }) => name === target))
      .map(({ name, target, origin, owner }) => ({
        key: `cluster ${target} ${name}`,
        kind: 'cluster' as const,
        name,
        target,
        owner: origin === 'foreign' ? owner : '',
        isOwn: origin !== 'foreign'
      }));
    const made = profiles.map(({ name, target }) => ({
      key: `profile ${name}`,
      kind: 'profile' as const,
      name,
      target,
      owner: '',
      isOwn: true
    }));
    return [...running, ...made];
  }

  /** The chosen cluster if it runs, else one of one's own, else what is on a laptop. */
  private _likeliest(): string {
    const { chosen } = this.live;
    const running = this._places.filter(place => place.kind === 'cluster');
    const found =
      running.find(
        ({ name, target }) => name === chosen.name && target === chosen.target
      ) ??
      running.find(({ isOwn }) => isOwn) ??
      this._places.find(place => place.name === 'laptop') ??
      this._places[0];
    return found?.key ?? '';
  }

  private _emit(): void {
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _planner = new Planner<IJobPlan>(
    // What is wrong with a value stands beside its field: nothing is asked.
    signal => (this.isSound ? this._api.planJob(this.wish(), signal) : null),
    () => this._emit()
  );
  private _fields: readonly IField[] | null = null;
  private _places: readonly IPlace[] = [];
  private _typed: Typed = {};
  private _place = '';
  private _target = '';
  private _isDisposed = false;
}
