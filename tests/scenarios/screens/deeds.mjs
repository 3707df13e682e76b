// What a person does on the painted page, by touch, mouse and keyboard, and what the page asks for then.

import assert from 'node:assert/strict';

import { until } from '../process.mjs';
import { STATES } from './states.mjs';

const wishes = (page) => page.evaluate(() => globalThis.stage.wishes.splice(0));
const paint = (page, model) => page.evaluate((shown) => globalThis.stage.paint(shown), model);
const box = (page, id) => page.getByTestId(id).boundingBox();
const focused = (page) => page.evaluate(() => document.activeElement.dataset.testid);

/** Every deed by its name; each gets a page that paints nothing yet. */
export const DEEDS = {
  async 'three people are picked and rung as one group'(page) {
    await paint(page, STATES.start.model);
    await page.getByTestId('select').click();
    for (const user of ['anna', 'ben', 'flat-3']) await page.getByTestId(`pick-${user}`).click();
    assert.equal(await page.getByTestId('picked-video').innerText(), 'Call 3 people');
    await page.getByTestId('picked-video').click();
    assert.deepEqual(await wishes(page), [['call', { users: ['anna', 'ben', 'flat-3'], media: 'video', kind: 'group' }]]);
    assert.ok(await page.getByTestId('call-video-anna').isVisible(), 'the list is as before');
  },

  async 'one who is picked is called as ever'(page) {
    await paint(page, STATES.start.model);
    await page.getByTestId('select').click();
    await page.getByTestId('pick-ben').click();
    assert.equal(await page.getByTestId('picked-video').innerText(), 'Call Ben');
    await page.getByTestId('picked-audio').click();
    assert.deepEqual(await wishes(page), [['call', { users: ['ben'], media: 'audio' }]]);
  },

  async 'the keyboard picks, keeps its place when somebody comes, and Escape picks nobody'(page) {
    await paint(page, STATES.start.model);
    await page.getByTestId('select').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'pick-anna');
    await page.keyboard.press('Space');
    const { model } = STATES.start;
    const contacts = model.people.contacts.map((contact) => ({ ...contact, online: true }));
    await paint(page, { ...model, people: { ...model.people, contacts } });
    assert.equal(await focused(page), 'pick-anna');
    assert.ok(await page.getByTestId('pick-anna').isChecked());
    await page.keyboard.press('Escape');
    assert.ok(await page.getByTestId('picked').isHidden());
    assert.deepEqual((await wishes(page)).filter(([name]) => name === 'call'), []);
  },

  async 'the seventeenth is refused with a sentence'(page) {
    const { model } = STATES.start;
    const contacts = Array.from({ length: 18 }, (_, n) => ({ user: `u${n}`, online: true, known: true }));
    await paint(page, { ...model, people: { ...model.people, contacts } });
    await page.getByTestId('select').click();
    for (let n = 0; n < 17; n += 1) await page.getByTestId(`pick-u${n}`).click();
    assert.match(await page.getByTestId('picked-words').innerText(), /at most 16 people/);
    assert.ok(!await page.getByTestId('pick-u16').isChecked());
    await page.getByTestId('picked-video').click();
    assert.equal((await wishes(page))[0][1].users.length, 16);
  },

  async 'a running group call is joined'(page) {
    await paint(page, STATES['start-joinable'].model);
    assert.match(await page.getByTestId('joinable').innerText(), /Anna and Front door are talking\./);
    await page.getByTestId('join').click();
    assert.deepEqual(await wishes(page), [['join', { call: 'c9' }]]);
    await paint(page, STATES.start.model);
    assert.ok(await page.getByTestId('joinable').isHidden());
  },

  async 'a picture is pinned by touch and by Enter, and let go the same way'(page) {
    await paint(page, STATES['group-4'].model);
    const role = () => page.getByTestId('tile-ben').getAttribute('data-role');
    await page.getByTestId('tile-ben').click({ position: { x: 30, y: 60 } });
    assert.equal(await role(), 'pinned');
    await page.getByTestId('pin-ben').click();
    assert.equal(await role(), 'grid');
    await page.getByTestId('pin-ben').focus();
    await page.keyboard.press('Enter');
    assert.equal(await role(), 'pinned');
    assert.equal(await page.getByTestId('pin-ben').getAttribute('aria-pressed'), 'true');
    await page.keyboard.press('Enter');
    assert.equal(await role(), 'grid');
    await page.keyboard.press('Enter');
    await paint(page, STATES['group-1'].model);
    await paint(page, STATES['group-4'].model);
    assert.equal(await role(), 'grid', 'who left and came back is not pinned');
  },

  async 'marks are told in words too'(page) {
    await paint(page, STATES['group-6'].model);
    const told = (user) => page.getByTestId(`tile-${user}`).evaluate((tile) => tile.textContent);
    assert.match(await told('anna'), /Anna, speaking/);
    assert.match(await told('ben'), /Ben, muted/);
    assert.match(await told('flat-3'), /Connection lost, trying again…/);
    assert.match(await told('maria-luisa'), /Connecting…/);
  },

  async 'a picture that stands still is said to'(page) {
    await paint(page, STATES['group-2'].model);
    await until('both pictures are there', () => page.evaluate(() => [...document.querySelectorAll('.tile')].every(({ dataset }) => dataset.picture === 'true')));
    await page.evaluate(() => globalThis.stage.freeze('ben'));
    await until('it is noticed', () => page.getByTestId('tile-ben').evaluate((tile) => tile.textContent.includes('stands still')), { ms: 10_000 });
    assert.equal(await page.getByTestId('tile-anna').getAttribute('data-frozen'), 'false');
  },

  async 'the own picture is moved by finger and by arrow keys, and stays off the controls'(page) {
    for (const name of ['single-talking', 'group-4']) {
      await paint(page, STATES[name].model);
      await until('it is in its place', () => page.getByTestId('own-video').evaluate((own) => own.style.left !== ''));
      await rest(page);
      const before = await box(page, 'own-video');
      await page.mouse.move(before.x + 20, before.y + 20);
      await page.mouse.down();
      const hangup = await box(page, 'hangup');
      await page.mouse.move(hangup.x + 20, hangup.y + 20, { steps: 5 });
      await page.mouse.up();
      await rest(page);
      const dropped = await box(page, 'own-video');
      assert.ok(Math.hypot(dropped.x - before.x, dropped.y - before.y) > 8, `${name}: it moved`);
      assert.ok(!meet(dropped, hangup), `${name}: not over the button that hangs up`);
      await page.getByTestId('own-video').focus();
      await page.keyboard.press('ArrowLeft');
      await rest(page);
      const left = await box(page, 'own-video');
      assert.ok(left.x < dropped.x || dropped.x < 40, `${name}: to the left, from ${dropped.x} to ${left.x}`);
    }
  },

  async 'everybody’s state is listed, and people are added'(page) {
    await paint(page, STATES['sheet-roster'].model);
    await page.getByTestId('people').click();
    const words = await page.getByTestId('roster').innerText();
    for (const part of ['Cleo (you)', 'In the call', 'Ringing…', 'Declined', 'In another call', 'Didn’t answer', 'Not connected', 'Left the call', 'Calling…']) assert.ok(words.includes(part), part);
    await page.getByTestId('sheet-add').click();
    await page.getByTestId('add-search').fill('fl');
    assert.deepEqual(await page.getByTestId('add-list').locator('.contact').evaluateAll((rows) => rows.map(({ dataset }) => dataset.user)), ['flat-3']);
    await page.getByTestId('pick-flat-3').click();
    await page.getByTestId('add-search').fill('');
    assert.ok(await page.getByTestId('pick-anna').isHidden(), 'who is there is not offered');
    await page.getByTestId('pick-janitor').click();
    assert.equal(await page.getByTestId('add-submit').innerText(), 'Add 2 people');
    await page.getByTestId('add-submit').click();
    assert.deepEqual(await wishes(page), [['add', { users: ['flat-3', 'janitor'] }]]);
    await page.keyboard.press('Escape');
    assert.ok(await page.getByTestId('sheet').isHidden());
    assert.equal(await focused(page), 'people');
  },

  async 'who joins, declines or leaves is told, and no picture moves for it'(page) {
    const { model } = STATES['group-2'];
    const known = model.view.roster;
    const withThird = (third) => ({ ...model, view: { ...model.view, roster: [...known, third] } });
    await paint(page, withThird({ user: 'janitor', state: 'ringing' }));
    assert.equal(await page.getByTestId('call-chips').innerText(), '', 'the first roster is no news');
    const before = await box(page, 'tiles');
    await paint(page, withThird({ user: 'janitor', state: 'declined' }));
    assert.equal(await page.getByTestId('call-chips').innerText(), 'Janitor declined');
    assert.equal(await page.locator('#spoken').innerText(), 'Janitor declined');
    assert.deepEqual(await box(page, 'tiles'), before);
    await page.evaluate((shown) => globalThis.stage.tick(shown.view, shown.clock + 10_000), withThird({ user: 'janitor', state: 'declined' }));
    assert.equal(await page.getByTestId('call-chips').innerText(), '', 'news does not stay');
  },

  async 'a full call takes nobody, and says so'(page) {
    await paint(page, STATES['sheet-full'].model);
    await page.getByTestId('people').click();
    assert.match(await page.getByTestId('sheet').innerText(), /The call is full: at most six devices/);
    assert.ok(await page.getByTestId('sheet-add').isHidden());
  },

  async 'a one-to-one call has nothing of a group'(page) {
    await paint(page, STATES['single-talking'].model);
    for (const id of ['people', 'tiles', 'sheet']) assert.ok(await page.getByTestId(id).isHidden(), id);
    assert.ok(await page.getByTestId('fit').isVisible());
  },
};

const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** Waits until nothing moves any more. */
async function rest(page) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
