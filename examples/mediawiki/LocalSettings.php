<?php
// The settings of MediaWiki, the same on all nodes. Nothing in it is secret: the database comes from the service's link.
if (!defined('MEDIAWIKI')) {
    exit;
}

/** Returns a variable of the link: from the environment of pages, or from the node's file where there is none. */
function conpaas_link($name) {
    $name = "CONPAAS_MYSQL_$name";
    $value = getenv($name);
    if ($value !== false) {
        return $value;
    }
    foreach (@file('/run/conpaas/links/mysql.env', FILE_IGNORE_NEW_LINES) ?: [] as $line) {
        [$key, $text] = explode('=', $line, 2);
        if ($key === $name) {
            return $text;
        }
    }
    return '';
}

$wgSitename = 'A wiki on ConPaaS';
$wgScriptPath = '';
// The wiki answers under any address that leads to it.
$scheme = empty($_SERVER['HTTPS']) ? 'http' : 'https';
$wgServer = "$scheme://" . preg_replace('/[^A-Za-z0-9.:\[\]-]/', '', $_SERVER['HTTP_HOST'] ?? 'localhost');
$wgResourceBasePath = $wgScriptPath;

$wgDBtype = 'mysql';
$wgDBserver = conpaas_link('HOST') . ':' . conpaas_link('PORT');
$wgDBname = conpaas_link('DATABASE');
$wgDBuser = conpaas_link('USER');
$wgDBpassword = conpaas_link('PASSWORD');
$wgDBTableOptions = 'ENGINE=InnoDB, DEFAULT CHARSET=binary';

// The same on all nodes, and known to nobody else.
$wgSecretKey = hash('sha256', "secret $wgDBpassword");
$wgUpgradeKey = substr(hash('sha256', "upgrade $wgDBpassword"), 0, 16);
$wgAuthenticationTokenVersion = '1';

// Each node has its own files: caches and sessions that all share are in the database.
$wgMainCacheType = CACHE_DB;
$wgSessionCacheType = CACHE_DB;
$wgLocalisationCacheConf['store'] = 'array';
$wgCacheDirectory = false;
$wgEnableUploads = false;
$wgLanguageCode = 'en';
$wgDefaultSkin = 'vector';
wfLoadSkin('Vector');
