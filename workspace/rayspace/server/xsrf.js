// Shows Jupyter's XSRF token with what this page asks of its own server, as JupyterLab does itself.
(() => {
  const token = () => (document.cookie.match(/(?:^|; )_xsrf=([^;]*)/) || [])[1] || '';
  const isOwn = url => new URL(url, document.baseURI).origin === window.location.origin;

  const plainFetch = window.fetch.bind(window);
  window.fetch = (input, init) => {
    const request = new Request(input, init);
    if (isOwn(request.url)) {
      request.headers.set('X-XSRFToken', token());
    }
    return plainFetch(request);
  };

  const plainOpen = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    plainOpen.call(this, method, url, ...rest);
    if (isOwn(url)) {
      this.setRequestHeader('X-XSRFToken', token());
    }
  };
})();
