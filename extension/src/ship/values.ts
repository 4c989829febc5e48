/** Values of a form, between what is typed and what is sent. */

import { TranslationBundle } from '@jupyterlab/translation';

import { IField } from '../wire';

/** What is typed for each parameter; one that is missing or equals its default is not sent. */
export type Typed = Readonly<Record<string, string>>;

/** The text a field begins with. */
export function initialText(field: IField): string {
  if (!field.has_default) {
    return '';
  }
  if (field.default === null) {
    // Not JSON, or None: the code tells.
    return field.default_repr === 'None' ? '' : field.default_repr;
  }
  return asText(field.default);
}

/** Write a value as it is typed. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Write values as they are typed, so that each is read as the same value again. */
export function givenTexts(
  fields: readonly IField[],
  values: Readonly<Record<string, unknown>>
): Typed {
  return Object.fromEntries(
    fields
      .filter(field => field.name in values)
      .map(field => [field.name, givenText(field, values[field.name])])
  );
}

function givenText(field: IField, value: unknown): string {
  if (value === null) {
    return noneText(field);
  }
  const isUntyped = field.type === 'any';
  return isUntyped && typeof value === 'string' && readsOtherwise(value)
    ? JSON.stringify(value)
    : asText(value);
}

/** How None is typed: where an empty field is a text, or stands for the default, by its name. */
function noneText(field: IField): string {
  if (field.kind === 'choice' && field.choices.includes(null)) {
    return asText(null);
  }
  const isEmpty = field.is_optional && field.kind !== 'str';
  return isEmpty || field.default_repr === 'None' ? '' : 'None';
}

/** Whether a text without a type is read as something else: as a number, a list, nothing. */
function readsOtherwise(text: string): boolean {
  const word = text.trim();
  if (/^$|^[[({'"]|^(None|True|False|NaN|-?Infinity)$/.test(word)) {
    return true;
  }
  try {
    JSON.parse(word);
    return true;
  } catch {
    return false;
  }
}

/**
 * Turn what is typed into what is sent: only what differs from the defaults.
 *
 * Texts are read by the server as the type of the parameter, as on a command line.
 */
export function changedValues(
  fields: readonly IField[],
  typed: Typed
): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const field of fields) {
    const text = typed[field.name];
    if (text === undefined || text === initialText(field)) {
      continue;
    }
    if (text.trim() === '' && field.kind !== 'str') {
      if (field.is_optional) {
        values[field.name] = null;
      }
      continue;
    }
    values[field.name] = field.kind === 'bool' ? text === 'true' : choice(field, text);
  }
  return values;
}

/** A choice is sent as the value it stands for, which need not be text. */
function choice(field: IField, text: string): unknown {
  if (field.kind !== 'choice') {
    return text;
  }
  const found = field.choices.find(value => asText(value) === text);
  return found === undefined ? text : found;
}

/** Say what is wrong with a value; empty for nothing. */
export function valueError(
  field: IField,
  text: string,
  trans: TranslationBundle
): string {
  const word = text.trim();
  if (field.has_default && text === initialText(field)) {
    // It is not sent: code such as 60 * 60 need be no value.
    return '';
  }
  if (word === '') {
    return field.has_default || field.is_optional || field.kind === 'str'
      ? ''
      : trans.__('This notebook needs a value here.');
  }
  switch (field.kind) {
    case 'int':
      return /^[+-]?\d+$/.test(word) ? '' : trans.__('Give a whole number.');
    case 'float':
      return Number.isFinite(Number(word)) || /^[+-]?(inf|nan)$/i.test(word)
        ? ''
        : trans.__('Give a number.');
    case 'list':
    case 'dict':
      return bracketError(field.kind, word, trans);
    default:
      return '';
  }
}

function bracketError(
  kind: 'list' | 'dict',
  word: string,
  trans: TranslationBundle
): string {
  let value: unknown;
  try {
    value = JSON.parse(word);
  } catch {
    return kind === 'list'
      ? trans.__('Give a list: [1, 2, 3] or ["a", "b"].')
      : trans.__('Give a mapping: {"a": 1}.');
  }
  if (kind === 'list') {
    return Array.isArray(value)
      ? ''
      : trans.__('Give a list: [1, 2, 3] or ["a", "b"].');
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? ''
    : trans.__('Give a mapping: {"a": 1}.');
}
