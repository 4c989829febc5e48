/** Settings as people set them; defaults where there is no registry of settings. */

import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { ISettings } from './tokens';

/** As in `schema/server.json`. */
const DEFAULTS: ISettings = {
  announceJobs: true,
  defaultProfile: 'laptop',
  keepHours: 2,
  idleGpuMinutes: 30,
  followProject: true
};

/** Settings that follow the registry. */
export class Settings implements ISettings {
  get announceJobs(): boolean {
    return this._value('announceJobs');
  }

  get defaultProfile(): string {
    return this._value('defaultProfile');
  }

  get keepHours(): number {
    return this._value('keepHours');
  }

  get idleGpuMinutes(): number {
    return this._value('idleGpuMinutes');
  }

  get followProject(): boolean {
    return this._value('followProject');
  }

  /** Take what the registry holds from now on. */
  follow(settings: ISettingRegistry.ISettings): void {
    this._settings = settings;
  }

  private _value<K extends keyof ISettings>(name: K): ISettings[K] {
    const found = this._settings?.get(name).composite;
    return typeof found === typeof DEFAULTS[name]
      ? (found as ISettings[K])
      : DEFAULTS[name];
  }

  private _settings: ISettingRegistry.ISettings | undefined;
}
