/** Notebooks to begin from. */

export interface IStarterNotebook {
  readonly name: string;
  readonly title: string;
  readonly description: string;
}
