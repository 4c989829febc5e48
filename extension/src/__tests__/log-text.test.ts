import { KEPT_CHARACTERS, LogBuffer, plainText } from '../log-text';

describe('plainText', () => {
  it('takes escape sequences out', () => {
    expect(
      plainText('\u001b[1;31mred\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007')
    ).toBe('red link');
  });

  it('overwrites a line as a terminal does', () => {
    expect(plainText('10 %\r50 %\r100 %\nnext\r\nend')).toBe('100 %\nnext\nend');
  });

  it('leaves HTML as text', () => {
    expect(plainText('<img src=x onerror=alert(1)>')).toBe(
      '<img src=x onerror=alert(1)>'
    );
  });
});

describe('LogBuffer', () => {
  it('joins pieces that end inside of a line or of a sequence', () => {
    const log = new LogBuffer();
    log.append('one\ntw');
    expect(log.text).toBe('one\ntw');
    log.append('o\u001b[3');
    log.append('1m!\n');
    expect(log.text).toBe('one\ntwo!\n');
  });

  it('keeps the end of what is too long', () => {
    const log = new LogBuffer();
    const line = `${'x'.repeat(999)}\n`;
    log.append(line.repeat(KEPT_CHARACTERS / 1000 + 1));
    log.append('the end\n');
    expect(log.isCut).toBe(true);
    expect(log.text.length).toBeLessThan(KEPT_CHARACTERS);
    expect(log.text.endsWith('the end\n')).toBe(true);
  });
});
